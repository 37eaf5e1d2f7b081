// Three people do their jobs, by mouse and by keyboard alone: an integrator makes a flow of an unknown webhook, an operator finds and
// repairs 40 failures, an administrator rotates a key that is in use. Each job is printed as a list of steps with clicks, keys and
// times; docs/console.md has the table.
import assert from 'node:assert/strict'
import { createHash, createHmac, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { base, close, look, open, root, signIn, visible, visit, well } from './desk.mjs'
import { hand } from './hand.mjs'

const authorization = 'Basic ' + btoa(`${root.user}:${root.password}`)

async function api(method, path, body, type = 'application/json') {
  const answer = await fetch(base + path, { method, body: body && (typeof body === 'string' ? body : JSON.stringify(body)), headers: { Authorization: authorization, 'Content-Type': type, Prefer: 'respond-async' } })
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`)
  return answer.status === 204 ? null : answer.json()
}

// until waits for a value.
async function until(what, get) {
  for (const end = Date.now() + 20_000; Date.now() < end; await setTimeout(100)) {
    const value = await get()
    if (value) return value
  }
  assert.fail(`${what}: waited 20 s`)
}

const total = async filter => (await api('GET', '/v1/runs?' + new URLSearchParams({ filter }))).total

let shop, broken = true

before(async () => {
  await open()
  shop = createServer((request, response) => response.writeHead(request.url === '/notify' && broken ? 503 : 204).end()).listen(0, '127.0.0.1')
  await once(shop, 'listening')
})
after(async () => {
  shop.close()
  await close()
})

// somebody signs in as a user of a role, made for it.
async function somebody(name, role) {
  const password = `${name}-has-a-password`
  await api('POST', '/v1/users', { name, password, roles: [role] })
  const page = await look()
  await signIn(page, { user: name, password })
  return page
}

// saveIt saves the flow, and deploys it after the review.
async function saveIt(job, page) {
  await job.press('Control+s')
  await page.locator('#review [data-confirm]').waitFor()
  await job.press('Enter')
}

for (const way of ['mouse', 'keyboard']) {
  test(`an integrator makes a flow of an unknown webhook, by ${way}`, async t => {
    const secret = `the secret of ${way} at the sender`
    const page = await somebody('ida-' + way, 'admin')
    const job = hand(page, way)
    const deliver = (url, order) => {
      const body = JSON.stringify({ order: { id: order, total: 12.5 }, from: 'Acme' }), at = Math.floor(Date.now() / 1000)
      return fetch(url, { method: 'POST', body, headers: { 'Content-Type': 'application/json', 'X-Acme-Event-Id': randomUUID(), 'X-Acme-Signature': `t=${at},v1=${createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')}` } })
    }

    await job.step('opens a URL that takes any request, and copies it', async () => {
      await job.go('Flows')
      await job.click(page.getByRole('button', { name: 'Capture a webhook' }))
      await job.click(page.getByRole('button', { name: 'Copy URL' }))
    })
    await deliver(await page.evaluate(() => navigator.clipboard.readText()), 7)
    await job.step('lets the sender send, and makes a flow of what came', async () => {
      await job.click(page.getByRole('link', { name: 'Make a flow of it' }))
      await page.locator('#checked').filter({ hasText: '1 of 1 tests pass' }).waitFor()
      await visible(page, 'the focus on the page of a new flow')
    })
    await job.step('deploys it after the review', async () => {
      await saveIt(job, page)
      await page.waitForURL(/\/console\/flows\/\d+$/)
    })
    const number = page.url().split('/').pop()
    await job.step('stores the secret of the sender', async () => {
      await job.click(page.getByRole('link', { name: 'Deliveries', exact: true }))
      await job.click(page.getByRole('link', { name: 'Store it' }))
      await job.paste(page.getByLabel('Value of the secret'), secret)
      await job.enter(page.getByRole('button', { name: 'Save', exact: true }).first())
      await page.waitForURL(`**/flows/${number}/deliveries`)
    })
    await job.step('copies the URL for the sender, and sees the first delivery become a run', async () => {
      if (!await page.getByRole('button', { name: 'Copy URL' }).isVisible()) await job.click(page.getByText('What to enter at the sender'))
      await job.click(page.getByRole('button', { name: 'Copy URL' }))
      const answer = await deliver(await page.evaluate(() => navigator.clipboard.readText()), 8)
      assert.equal(answer.status, 200)
      assert.deepEqual((await answer.json()).output, [{ order: { id: 8, total: 12.5 }, from: 'Acme' }])
      await page.getByRole('link', { name: 'Delivery 1', exact: true }).waitFor()
      await page.getByText('succeeded').first().waitFor()
    })
    job.done(t, { mouse: { clicks: 16, keys: 40 }, keyboard: { clicks: 0, keys: 130 } })
    assert.equal((await fetch(`${base}/hooks/webhook-${number}`, { method: 'POST', body: '{}' })).status, 401, 'a delivery without a proof')
    well(page)
    await page.context().close()
  })

  test(`an operator finds and repairs 40 failures, by ${way}`, async t => {
    broken = true
    const number = way === 'mouse' ? 191 : 192, at = `http://127.0.0.1:${shop.address().port}`
    await api('PUT', `/v1/flows/${number}`, `flow: ${number}\nname: Parcels by ${way}\ntrigger: webhook\nsteps:\n  - name: charge\n    http: {method: POST, url: ${at}/charge, json: {}}\n    effect: once\n  - name: notify\n    http: {method: POST, url: ${at}/notify, json: {}}\n`, 'application/yaml')
    for (let i = 0; i < 40; i++) await api('POST', `/v1/flows/${number}/runs`, { parcel: i })
    const open = `flow eq ${number} and triage eq "open"`
    await until('40 failures', async () => await total(open) === 40)
    await until('their failure', async () => (await api('GET', `/v1/failures?${new URLSearchParams({ filter: `flow eq ${number}` })}`)).items[0]?.count === 40)
    const page = await somebody('olga-' + way, 'operator')
    const job = hand(page, way)

    await job.step('sees on the overview what is broken, and opens its runs', async () => {
      await job.click(page.getByRole('link', { name: new RegExp(`Parcels by ${way} failed and are open`) }))
      await page.getByText('Exactly 40 runs match').waitFor()
    })
    await job.step('opens one, and reads which request failed and what was answered', async () => {
      await job.open(page.locator('#runs tbody tr').first())
      await page.locator('.callout.bad').getByText(/503/).waitFor()
      await page.locator('.callout.bad').getByText('notify', { exact: true }).waitFor()
    })
    broken = false // the receiver is repaired, by its people
    await job.step('goes back, and reads what resuming all of them would do', async () => {
      await job.back()
      await job.click(page.locator('summary').getByText('All of these…'))
      await job.click(page.getByRole('link', { name: 'Resume all…' }))
      await page.getByRole('heading', { name: 'Resume 40 runs' }).waitFor()
      await page.getByRole('row', { name: /charge/ }).waitFor()
    })
    await job.step('resumes them, and sees that all succeeded', async () => {
      await job.click(page.getByRole('button', { name: 'Resume 40 runs' }))
      await page.waitForURL('**/operations/*')
      await page.getByText('40 of 40').first().waitFor()
    })
    await until('all succeeded', async () => await total(`flow eq ${number} and trigger eq "resume" and state eq "succeeded"`) === 40)
    await job.step('looks whether anything is left', async () => {
      await job.go('Failures')
      await page.getByRole('heading', { name: 'Failures' }).waitFor()
      assert.equal(await page.getByRole('link', { name: `Parcels by ${way}` }).count(), 0, 'it is among the open failures')
    })
    job.done(t, { mouse: { clicks: 8, keys: 0 }, keyboard: { clicks: 0, keys: 40 } })
    assert.equal(await total(open), 0, 'runs are open')
    await until('the overview, which reads failures every 5 s', async () => {
      await visit(page, '/')
      return await page.getByText(`Parcels by ${way} failed and are open`).count() === 0
    })
    await visit(page, '/failures?state=resolved')
    await page.getByRole('link', { name: `Parcels by ${way}` }).waitFor()
    well(page)
    await page.context().close()
  })

  test(`an administrator rotates a key that is in use, by ${way}`, async t => {
    const key = 'crm-' + way
    let { secret } = await api('POST', '/v1/keys', { key, name: 'CRM ' + way })
    const answers = []
    let calling = true
    const call = async () => {
      const body = '{"name":"Ada"}', path = '/v1/flows/1/runs', at = Math.floor(Date.now() / 1000), nonce = randomUUID()
      const text = [`"@method": POST`, `"@request-target": ${path}`, `"content-digest": sha-256=:${createHash('sha256').update(body).digest('base64')}:`,
        `"@signature-params": ("@method" "@request-target" "content-digest");created=${at};nonce="${nonce}";keyid="${key}"`].join('\n')
      const answer = await fetch(base + path, { method: 'POST', body, headers: { 'Content-Type': 'application/json', 'Penstock-Key': key, 'Penstock-Signature': `t=${at},n=${nonce},v2=${createHmac('sha256', secret).update(text).digest('hex')}` } })
      answers.push(answer.status)
    }
    const caller = (async () => { for (; calling; await setTimeout(150)) await call() })()
    const page = await somebody('rolf-' + way, 'admin')
    const job = hand(page, way)

    await job.step('opens the key', async () => {
      await job.find('CRM ' + way, page.getByRole('link', { name: 'CRM ' + way }), 'Access')
      await page.getByRole('heading', { name: 'CRM ' + way }).waitFor()
    })
    await job.step('makes a new secret, with the old one counting for 24 hours more', async () => {
      await job.click(page.getByRole('button', { name: 'Make a new secret' }))
      await page.getByText('Old secret', { exact: true }).waitFor()
    })
    await job.step('copies the new secret for the caller', async () => {
      await job.click(page.getByRole('button', { name: 'Show the secret' }))
      await job.click(page.getByRole('button', { name: 'Copy secret' }))
    })
    const old = secret
    secret = await page.evaluate(() => navigator.clipboard.readText())
    assert.notEqual(secret, old)
    await setTimeout(600) // calls with the new secret
    await job.step('sees that the caller has changed over, and ends the old secret', async () => {
      await job.reload()
      await page.getByText(/% on the new secret/).waitFor()
      await job.click(page.getByRole('button', { name: 'End the old secret now' }))
      await job.click(page.getByRole('button', { name: 'End the old secret', exact: true }))
      await page.waitForURL('**/access/keys/' + key)
      await page.getByText('Old secret', { exact: true }).waitFor({ state: 'detached' })
    })
    await job.step('looks whether the audit log has it', async () => {
      await job.click(page.getByRole('link', { name: 'History' }))
      await page.getByText('Gave an API key a new secret').first().waitFor()
      await page.getByText('Ended the validity of the old secret of an API key').first().waitFor()
    })
    job.done(t, { mouse: { clicks: 9, keys: 0 }, keyboard: { clicks: 0, keys: 60 } })
    await setTimeout(400)
    calling = false
    await caller
    assert.ok(answers.length > 5, 'the caller calls')
    assert.deepEqual([...new Set(answers)], [200], 'nobody was refused')
    const kept = secret
    secret = old
    await call()
    assert.equal(answers.pop(), 401, 'the old secret counts')
    secret = kept
    well(page)
    await page.context().close()
  })
}
