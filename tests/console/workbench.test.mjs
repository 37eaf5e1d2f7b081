// Connects a sender to a flow, and sees what comes of it: real deliveries, signed rightly, wrongly, late and twice, by mouse and by keyboard.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { base, close, look, open, readable, root, signIn, visible, visit, well } from './desk.mjs'

const sh = promisify(execFile)
const authorization = 'Basic ' + btoa(`${root.user}:${root.password}`)
const secret = 'the secret of this workbench'
const viewer = { user: 'willa', password: 'willa-may-only-look' }
let desk

const api = async (method, path, body, type = 'application/json') => {
  const answer = await fetch(base + path, { method, body, headers: { Authorization: authorization, 'Content-Type': type } })
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`)
  return answer
}

// deliver sends an event as Stripe signs it. age is in seconds.
const deliver = (event, { key = secret, age = 0 } = {}) => {
  const body = JSON.stringify(event)
  const ts = Math.floor(Date.now() / 1000) - age
  const sig = createHmac('sha256', key).update(`${ts}.${body}`).digest('hex')
  return fetch(base + '/hooks/payments', { method: 'POST', body, headers: { 'Content-Type': 'application/json', 'Stripe-Signature': `t=${ts},v1=${sig}` } })
}

const listed = async () => (await (await api('GET', '/v1/flows/payments/deliveries')).json()).total

// arrived waits until the flow has n deliveries.
async function arrived(n) {
  for (const end = Date.now() + 10_000; Date.now() < end; await setTimeout(100)) if (await listed() === n) return
  assert.fail(`${await listed()} deliveries have arrived, not ${n}`)
}

const row = n => desk.locator('.arrivals li').filter({ has: desk.getByRole('link', { name: `Delivery ${n}`, exact: true }) })

// tabTo moves the focus with Tab to an element.
async function tabTo(page, what, matches) {
  for (let i = 0; i < 90; i++) {
    await page.keyboard.press('Tab')
    if (await page.evaluate(matches)) return visible(page, what)
  }
  assert.fail(`Tab does not reach ${what}`)
}

before(async () => {
  await open()
  await api('PUT', '/v1/flows/91', `flow: 91
slug: payments
name: Payments
trigger: {webhook: {verify: {scheme: stripe, secret: payments_webhook}, headers: [x-shop], params: [shop]}}
steps:
  - filter: .type == "charge.failed"
  - set: {charge: "\${ .data.id }", shop: "\${ $headers[\\"x-shop\\"] // \\"none\\" }"}
tests:
  - {name: a charge that failed, event: {type: charge.failed, data: {id: ch_1}}, output: [{charge: ch_1, shop: none}]}
`, 'application/yaml')
  await api('PUT', '/v1/flows/92', `flow: 92
slug: unproved
name: Without a proof
trigger: webhook
steps: [{name: look, http: {get: "https://crm.example.org/x", connection: crm_of_nobody}}, {set: {a: "\${ .body }"}}]
tests:
  - {name: one, event: {a: 1}, mocks: {look: {status: 200, body: {b: 2}}}, output: [{a: {b: 2}}]}
`, 'application/yaml')
  await api('POST', '/v1/users', JSON.stringify({ name: viewer.user, password: viewer.password, roles: ['viewer'] }))
  desk = await look()
  await signIn(desk)
})
after(close)

test('says what to enter at the sender, and that nothing has arrived', async () => {
  await visit(desk, '/flows/payments/deliveries')
  const setup = desk.locator('.setup')
  await setup.getByText(base + '/hooks/payments', { exact: true }).waitFor()
  await setup.getByText('Stripe-Signature', { exact: true }).first().waitFor()
  await setup.getByText('charge.failed', { exact: true }).waitFor()
  await setup.getByText('not stored').waitFor()
  assert.equal(await desk.locator('.hookstate').getByText('none yet').count(), 2)
  await desk.getByText('Nothing has arrived yet').waitFor()
  await setup.getByRole('button', { name: 'Copy URL', exact: true }).click()
  assert.equal(await desk.evaluate(() => navigator.clipboard.readText()), base + '/hooks/payments')
  await setup.getByRole('link', { name: 'Store it' }).click()
  await desk.waitForURL(/\/console\/connections\?/)
  await api('PUT', '/v1/secrets/payments_webhook', JSON.stringify({ value: secret }))
  await visit(desk, '/flows/payments/deliveries')
  await setup.getByText('stored', { exact: true }).waitFor()
  assert.ok(!(await desk.content()).includes(secret), 'the secret is shown')
  well(desk)
})

test('shows in one stream what arrives, why it is rejected, and what it became', async () => {
  await desk.getByRole('button', { name: 'The next 10' }).click()
  await desk.getByText('of 10 further requests').waitFor()
  const event = { id: 'evt_1', type: 'charge.failed', data: { id: 'ch_7<b>' }, token: 'abcdefgh' }
  assert.equal((await deliver(event)).status, 200)
  await arrived(1)
  await row(1).getByText('succeeded').waitFor() // live: nobody loads the page again
  assert.equal((await deliver(event)).status, 200) // twice
  await arrived(2)
  assert.equal((await deliver({ id: 'evt_2', type: 'charge.paid' })).status, 200)
  await arrived(3)
  assert.equal((await deliver({ id: 'evt_3', type: 'charge.failed' }, { key: 'another' })).status, 401)
  await arrived(4)
  assert.equal((await deliver({ id: 'evt_4', type: 'charge.failed' }, { age: 1000 })).status, 401)
  await arrived(5)
  assert.equal((await deliver({ id: 'evt_5', type: 'charge.failed' }, { key: secret + '\n' })).status, 401)
  await arrived(6)
  await row(2).getByText('duplicate').waitFor()
  await row(2).getByRole('link', { name: 'delivery 1', exact: true }).waitFor()
  await row(3).getByText('dropped').waitFor()
  await row(4).getByText('the secret is another one').waitFor()
  await row(5).getByText(/its time is 16m4\ds ago, 5m0s are allowed/).waitFor()
  await row(6).getByText('the stored secret lacks a line end').waitFor()
  assert.deepEqual(await desk.locator('.arrivals li [data-open]').allTextContents(), [6, 5, 4, 3, 2, 1].map(n => `Delivery ${n}`))
  await desk.locator('.hookstate').getByText('it is the newest').waitFor()
  well(desk)
})

test('filters what is listed', async () => {
  const numbers = async () => (await desk.locator('.arrivals li [data-open]').allTextContents()).map(text => Number(text.replace('Delivery ', '')))
  for (const [filter, want] of [['Accepted', [1]], ['Rejected', [6, 5, 4]], ['Ignored', [3, 2]], ['All', [6, 5, 4, 3, 2, 1]]]) {
    await desk.getByRole('navigation', { name: 'Which deliveries are listed' }).getByRole('link', { name: filter }).click()
    await desk.locator(`.chip[aria-current=true]`, { hasText: filter }).waitFor()
    assert.deepEqual(await numbers(), want, filter)
  }
  well(desk)
})

test('says of a rejected delivery which check failed, and what to do', async () => {
  await visit(desk, '/flows/payments/deliveries/5')
  const checks = desk.locator('.checks li')
  assert.deepEqual(await checks.evaluateAll(all => all.map(each => each.className)), ['check-passed', 'check-passed', 'check-passed', 'check-failed'])
  await desk.getByText('off by 5 minutes at most').waitFor()
  await desk.getByText('Set the clock of the machine that is wrong').waitFor()
  await visit(desk, '/flows/payments/deliveries/4')
  assert.deepEqual(await checks.evaluateAll(all => all.map(each => each.className)), ['check-passed', 'check-passed', 'check-failed', 'check-skipped'])
  await desk.getByText('Copy the secret from the sender once more').waitFor()
  well(desk)
})

test('makes a recorded delivery the sample, by keyboard, and redelivers it with its consequences', async () => {
  await visit(desk, '/flows/payments/deliveries/1')
  const text = await desk.content()
  assert.ok(text.includes('ch_7&lt;b&gt;') && !text.includes('ch_7<b>') && !text.includes('abcdefgh'), 'escaped and masked')
  await tabTo(desk, 'Make it the sample', () => document.activeElement.textContent.includes('Make it the sample'))
  await desk.keyboard.press('Enter')
  await desk.getByText('Nothing is saved yet').waitFor()
  await desk.locator('.cm-editor').getByText('delivery 1').waitFor()
  await visit(desk, '/flows/payments/deliveries/1')
  await desk.getByRole('link', { name: 'Redeliver', exact: true }).click()
  await desk.getByText('what that run did is done once more').waitFor()
  await desk.getByText('it is not attached to an earlier run').waitFor()
  await desk.getByRole('button', { name: 'Run it again' }).click()
  await desk.waitForURL('**/console/runs/*')
  await desk.getByText('succeeded').first().waitFor()
  well(desk)
})

test('tries the flow from the last run, a delivery and a test, with headers, and dry', async () => {
  await visit(desk, '/flows/payments/try')
  const start = async name => {
    await desk.getByText('Start from', { exact: true }).click()
    await desk.locator('.pop').getByText(name).first().click()
  }
  await start('Delivery 1, accepted')
  await desk.waitForURL('**/try?delivery=1')
  await desk.locator('.cm-editor').getByText('ch_7').waitFor()
  await desk.locator('[name="header.x-shop"]').fill('<north>')
  await desk.locator('[name="param.shop"]').fill('n')
  await desk.getByRole('button', { name: 'Dry run' }).click()
  const result = desk.locator('#result')
  await result.getByText('Nothing was sent, and no run was recorded').waitFor()
  await result.getByText('<north>').waitFor()
  await desk.getByRole('button', { name: 'Run', exact: true }).click()
  await result.getByRole('link', { name: 'Open the run' }).waitFor()
  await result.getByText('<north>').waitFor()
  await visit(desk, '/flows/payments/try')
  await start('Last run')
  await desk.waitForURL('**/try?run=*')
  assert.equal(await desk.locator('[name="header.x-shop"]').inputValue(), '<north>')
  await start('Test: a charge that failed')
  await desk.locator('.cm-editor').getByText('ch_1').waitFor()

  // By keyboard: Ctrl-Enter runs.
  await visit(desk, '/flows/payments/try')
  await desk.locator('.cm-content').focus()
  await desk.keyboard.press('Control+Enter')
  await result.getByRole('link', { name: 'Open the run' }).waitFor()

  // What is missing, and mocks.
  await visit(desk, '/flows/unproved/try')
  await desk.getByText('crm_of_nobody').first().waitFor()
  await desk.getByText('Mocks: what the steps').click()
  await desk.locator('[name=mocks]').fill('{"look": {"status": 200, "body": "mocked"}}')
  await desk.getByRole('button', { name: 'Dry run' }).click()
  await result.getByText('mocked').first().waitFor()
  await desk.locator('[name=mocks]').fill('[')
  await desk.getByRole('button', { name: 'Dry run' }).click()
  await desk.locator('#trouble').getByText('The mocks are not JSON').waitFor()
  well(desk)
})

test('gives requests that work when pasted, in the ways of the flow', async () => {
  await visit(desk, '/flows/payments/call')
  const ways = desk.getByRole('group', { name: 'Ways to call it' }).getByRole('button')
  assert.deepEqual(await ways.allTextContents(), ['Webhook', 'SmartSYNC', 'Signed API', 'Users and tokens'])
  const before = await listed()
  const programs = { 'hook-curl': text => ['bash', ['-c', text]], 'hook-node': text => ['node', ['--input-type=module', '-e', text]], 'hook-python': text => ['python3', ['-c', text]] }
  for (const [id, program] of Object.entries(programs)) {
    const text = await desk.locator(`#in-${id} pre`).textContent()
    const { stdout } = await sh(...program(text), { env: { ...process.env, WEBHOOK_SECRET: secret } })
    assert.match(stdout, /ch_1/, id)
  }
  await arrived(before + 3)
  assert.match(await desk.locator('#in-hook-go pre').textContent(), /package main/)
  await desk.getByRole('tab', { name: 'curl' }).focus()
  await desk.keyboard.press('End')
  await desk.locator('#in-hook-go').waitFor()
  assert.ok(await desk.locator('#in-hook-curl').isHidden())
  await visible(desk, 'the tab of a language')
  await desk.fill('[name=event]', '{"typed": 1}')
  await desk.locator('#way-smartsync').focus() // by keyboard; another way keeps what was typed
  await desk.keyboard.press('Enter')
  await desk.locator('#in-curl').getByText('{"typed":1}').waitFor()
  assert.equal(await desk.evaluate(() => document.activeElement.id), 'way-smartsync')
  assert.equal(await desk.locator('.sample.wrap').count(), 0)
  await desk.getByRole('button', { name: 'Show a signed URL' }).click()
  await desk.locator('.sample.wrap').getByText('check=').waitFor()
  await visit(desk, '/access/audit')
  await desk.getByText('key:console').first().waitFor()
  await visit(desk, '/flows/4/call')
  assert.deepEqual(await ways.allTextContents(), ['HTTP'])
  well(desk)
})

test('leads a flow without a proof to its sender', async () => {
  await visit(desk, '/flows/unproved/deliveries')
  await desk.getByText('No sender may call this URL yet').waitFor()
  await desk.getByLabel('Sender').selectOption('github')
  await desk.getByRole('button', { name: 'Show', exact: true }).click()
  await desk.getByText('scheme: github').waitFor()
  await desk.getByText('Payload URL').first().waitFor()
  well(desk)
})

test('shows a viewer verdicts and reasons, and nothing of what was sent', async () => {
  const page = await look()
  await signIn(page, viewer)
  await visit(page, '/flows/payments/deliveries')
  await page.getByText(/its time is 16m4\ds ago/).waitFor()
  for (const name of ['Record for an hour', 'Stop and delete']) assert.equal(await page.getByRole('button', { name }).count(), 0, name)
  await visit(page, '/flows/payments/deliveries/1')
  assert.ok(!(await page.content()).includes('ch_7'), 'the body is shown')
  for (const name of ['Redeliver', 'Make it the sample', 'Try it']) assert.equal(await page.getByRole('link', { name, exact: true }).count(), 0, name)
  for (const path of ['/flows/91/deliveries/1/redeliver', '/flows/91/deliveries/1/sample', '/flows/91/try?delivery=1']) {
    assert.equal((await page.request.get(base + '/console' + path)).status(), 403, path)
  }
  well(page)
  await page.context().close()
})

test('works without script', async () => {
  const page = await look({ scripts: false })
  await signIn(page)
  await visit(page, '/flows/payments/deliveries?show=rejected')
  assert.equal(await page.locator('.arrivals li').count(), 3)
  await page.getByRole('link', { name: 'Delivery 4', exact: true }).click()
  await page.getByRole('link', { name: 'Redeliver', exact: true }).click()
  await page.getByText('The delivery became no run').waitFor()
  await visit(page, '/flows/payments/try')
  await page.getByRole('button', { name: 'Dry run' }).click()
  await page.getByText('Nothing was sent').waitFor()
  await page.context().close()
})

test('is readable on each screen in both themes', async () => {
  for (const width of [1440, 390]) {
    const page = await look({ width, audited: true })
    await signIn(page)
    for (const path of ['/flows/payments/deliveries', '/flows/payments/deliveries/5', '/flows/payments/deliveries/1/redeliver', '/flows/payments/try', '/flows/payments/call', '/flows/unproved/deliveries?sender=github']) {
      await visit(page, path)
      await readable(page, path, 'workbench' + path)
    }
    well(page)
    await page.context().close()
  }
})
