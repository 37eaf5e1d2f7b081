// Walks through the console as people do. The tests build on each other: the
// first ones see a product that has done nothing yet.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, test } from 'node:test'
import { createHash } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { accessible, ask, base, call, close, fits, inThemes, look, open, picture, readable, root, signIn, switchFlow, visible, visit, well } from './desk.mjs'
import { client, issue } from './issuer.mjs'

const sh = promisify(execFile)
let desk // where root has signed in

// unfold opens the step with items, and the one that failed.
async function unfold(page) {
  await page.locator('.waterfall > li').filter({ hasText: 'ask' }).locator('summary').first().click()
  await page.locator('.passeditems > li').nth(1).locator('summary').first().click()
}

// turnQueue pauses or resumes the default queue as asynqmon's page, which page
// must show, would, and returns the status.
const turnQueue = (page, to) => page.evaluate(path => new Promise(resolve => {
  const request = new XMLHttpRequest()
  request.onload = () => resolve(request.status)
  request.open('POST', path)
  request.send()
}), '/console/queues/api/queues/default:' + to)

const text = async download => (await (await download.createReadStream()).toArray()).join('')

// until asks again until it is so, for ten seconds.
async function until(so) {
  for (const end = Date.now() + 10_000; Date.now() < end; await setTimeout(200)) {
    if (await so()) return
  }
  assert.fail('it did not come to be so')
}

before(async () => {
  await open()
  desk = await look()
})
after(close)

test('signs in by keyboard alone', async () => {
  await desk.goto(base + '/console/')
  await desk.waitForURL('**/signin')
  const focused = name => desk.waitForFunction(name => document.activeElement.name === name, name)
  await focused('user')
  await desk.keyboard.type(root.user)
  await desk.keyboard.press('Tab')
  await desk.keyboard.type('wrong')
  await desk.keyboard.press('Enter')
  await desk.getByRole('alert').filter({ hasText: 'The name or the password is wrong' }).waitFor()
  await accessible(desk, 'the sign-in form with a mistake')
  await focused('password')
  await desk.keyboard.type(root.password)
  await desk.keyboard.press('Enter')
  await desk.getByRole('heading', { name: 'Overview' }).waitFor()
  well(desk)
})

test('walks a newcomer to the first run', async () => {
  await desk.getByRole('heading', { name: 'Your first run' }).waitFor()
  await accessible(desk, 'the overview without a run')
  await desk.getByRole('link', { name: 'Try a flow' }).click()
  await desk.getByRole('button', { name: 'Run', exact: true }).waitFor()
  await desk.getByText('Start from', { exact: true }).click()
  await desk.getByRole('button', { name: 'Test: with a name' }).click()
  await desk.getByRole('button', { name: 'Run', exact: true }).click()
  await desk.locator('#result').getByText('succeeded').waitFor()
  await desk.locator('#result').getByText('"Hello, Zoë"').waitFor()
  await accessible(desk, 'a flow that was tried')
  await desk.getByRole('link', { name: 'Open the run' }).click()
  await desk.getByRole('heading', { name: 'Steps' }).waitFor()
  await desk.locator('.waterfall summary').first().click()
  await desk.getByText('Kind', { exact: true }).waitFor()
  await accessible(desk, 'a run')
  well(desk)
})

test('goes everywhere by keyboard', async () => {
  for (const [key, path] of Object.entries({ f: '/flows', r: '/runs', c: '/connections', a: '/access/keys', x: '/refused', o: '/' })) {
    await desk.keyboard.press('g')
    await desk.keyboard.press(key)
    await desk.waitForURL(base + '/console' + path)
  }
  await desk.keyboard.press('?')
  await desk.getByRole('dialog', { name: 'Keyboard' }).waitFor()
  await accessible(desk, 'the list of keys')
  await desk.keyboard.press('Escape')
  await desk.keyboard.press('g')
  await desk.keyboard.press('r')
  await desk.getByRole('heading', { name: 'Runs', exact: true }).waitFor()
  await desk.keyboard.press('/')
  await desk.keyboard.type('state eq "succeeded" and flow eq 1')
  await desk.keyboard.press('Enter')
  await desk.waitForURL('**/runs?filter=*')
  await desk.keyboard.press('Escape')
  await desk.keyboard.press('j')
  await desk.keyboard.press('Enter')
  await desk.waitForURL('**/runs/*-*')
  const before = await desk.evaluate(() => getComputedStyle(document.body).backgroundColor)
  await desk.keyboard.press('t')
  assert.notEqual(await desk.evaluate(() => getComputedStyle(document.body).backgroundColor), before)
  await desk.reload()
  assert.notEqual(await desk.evaluate(() => getComputedStyle(document.body).backgroundColor), before, 'the choice is remembered')
  await desk.keyboard.press('t')
  well(desk)
})

test('runs a flow by keyboard alone', async () => {
  await visit(desk, '/flows')
  await desk.keyboard.press('Tab')
  assert.equal(await desk.evaluate(() => document.activeElement.textContent), 'Skip to the content')
  await desk.keyboard.press('j')
  await desk.keyboard.press('Enter')
  await desk.waitForURL('**/flows/1')
  const focus = async text => {
    for (let i = 0; i < 60; i++) {
      await desk.keyboard.press('Tab')
      await visible(desk, desk.url())
      if (await desk.evaluate(() => document.activeElement.textContent.trim()) === text) return
    }
    assert.fail(`Tab does not lead to ${text}`)
  }
  await focus('Try it')
  await desk.keyboard.press('Enter')
  await desk.waitForURL('**/flows/1/try')
  await desk.locator('.cm-content').waitFor()
  await focus('Run')
  await desk.keyboard.press('Enter')
  await desk.locator('#result').getByText('succeeded').waitFor()
  await desk.keyboard.press('Control+Enter') // once more, from wherever the focus is
  await focus('Open the run')
  await desk.keyboard.press('Enter')
  await desk.waitForURL('**/runs/*-*')
  await focus('Replay…')
  well(desk)
})

test('follows a run while it runs, and cancels one', async () => {
  const id = await call(2, { name: 'Ada' })
  await visit(desk, '/runs/' + id)
  await desk.evaluate(() => { document.body.dataset.same = 'yes' })
  await desk.locator('.waterfall').getByText('running').first().waitFor()
  await desk.locator('h1').getByText('succeeded').waitFor()
  await desk.getByText('"Hello, Ada"').waitFor()
  await desk.getByText('beginning with Ada').waitFor()
  assert.equal(await desk.evaluate(() => document.body.dataset.same), 'yes', 'the page was not loaded again')
  await desk.getByRole('link', { name: 'Replay…' }).click()
  await desk.getByRole('button', { name: 'Replay' }).click()
  await desk.getByRole('button', { name: 'Cancel' }).click()
  await desk.getByText('The run was cancelled.').waitFor()
  await desk.locator('h1').getByText('cancelled').waitFor()
  await accessible(desk, 'a cancelled run')
  well(desk)
})

test('shows what became of each item, and when the caller had the answer', async () => {
  await visit(desk, '/runs/' + await ask())
  await until(async () => {
    await desk.reload()
    return desk.locator('.phases').getByText('reply').isVisible() // it is noted a moment after the answer
  })
  const row = desk.locator('.waterfall > li').filter({ hasText: 'ask' })
  await row.getByText('1 failed', { exact: true }).waitFor()
  await row.locator('summary').first().click()
  const items = row.getByRole('list', { name: 'Items of ask' }).locator('> li')
  await items.first().waitFor() // they are loaded when the step is opened
  assert.equal(await items.count(), 3)
  await items.nth(1).getByText('failed', { exact: true }).waitFor()
  await items.nth(1).locator('summary').first().click()
  await items.nth(1).locator('p.bad').getByText('status 404').waitFor()
  await items.nth(1).locator('.stepitems').first().getByText('/nowhere').waitFor() // the item that went in
  await items.nth(2).locator('summary').first().focus()
  await desk.keyboard.press('Enter')
  await items.nth(2).getByText('not used').waitFor()
  await accessible(desk, 'a run with items')
  well(desk)
})

test('pauses a flow and resumes it', async () => {
  await visit(desk, '/flows')
  const runs = desk.getByRole('switch', { name: 'Runs of Take a second over each step begin' })
  await runs.click()
  await desk.getByText('none of its runs begins until').waitFor()
  assert.equal(await runs.getAttribute('aria-checked'), 'false')
  await accessible(desk, 'the list with a paused flow')
  const id = await call(2, { name: 'Ada' })
  await visit(desk, '/runs/' + id)
  await until(async () => {
    await desk.reload()
    return desk.locator('h1').getByText('waiting').isVisible()
  })
  await visit(desk, '/flows/2')
  await desk.locator('.callout').getByText('Paused').waitFor()
  await accessible(desk, 'a paused flow')
  await desk.getByRole('button', { name: 'Resume' }).click()
  await desk.getByText('with 1 run that had waited').waitFor()
  await desk.getByRole('button', { name: 'Pause' }).waitFor()
  await visit(desk, '/runs/' + id)
  await desk.locator('h1').getByText('succeeded').waitFor()
  well(desk)
})

test('lists failures, and compares two runs', async () => {
  await call(2, { name: 'nobody' })
  await visit(desk, '/runs')
  await desk.getByText('there is nobody of that name').waitFor() // the list looks for new runs by itself
  await desk.getByRole('link', { name: 'failed', exact: true }).click()
  await desk.waitForURL('**/runs?filter=state*')
  assert.equal(await desk.locator('tbody tr').count(), 1)
  await desk.getByRole('link', { name: 'All' }).click()
  await desk.locator('[data-pick]').nth(0).check()
  await desk.locator('[data-pick]').nth(1).check()
  await accessible(desk, 'the list of runs')
  await desk.getByRole('button', { name: 'Compare two' }).click()
  await desk.getByRole('heading', { name: 'Two runs' }).waitFor()
  await accessible(desk, 'two runs')
  await visit(desk, '/runs?filter=stat+eq+1')
  await desk.getByText('The filter cannot be read').waitFor()
  await accessible(desk, 'a filter with a mistake')
  well(desk)
})

test('checks, saves, compares and rolls back a flow', async () => {
  await visit(desk, '/flows')
  await accessible(desk, 'the list of flows')
  await desk.getByRole('link', { name: 'Say hello' }).click()
  const editor = desk.locator('.cm-content')
  await editor.waitFor()
  await desk.getByText('valid, 2 of 2 tests pass').waitFor()
  await accessible(desk, 'a flow in the editor')
  const boxes = await desk.locator('.box').count()
  await editor.click()
  await desk.keyboard.press('Control+End')
  await desk.keyboard.type('\nnme: Greet')
  await desk.getByRole('button', { name: /unknown field "nme"/ }).waitFor()
  await desk.locator('.cm-lint-marker-error').waitFor()
  await accessible(desk, 'a flow with a mistake')
  await desk.keyboard.press('Control+s')
  await desk.locator('#review').getByText('1 mistake must be mended first').waitFor()
  await desk.keyboard.press('Escape')
  await visit(desk, '/flows/1')
  await desk.getByText('valid, 2 of 2 tests pass').waitFor()
  await desk.evaluate(() => {
    const field = document.querySelector('#source')
    field.value = field.value.replace('steps:\n', 'steps:\n  - filter: "true"\n')
    field.dispatchEvent(new Event('filled'))
  })
  await desk.waitForFunction(count => document.querySelectorAll('.box').length === count + 1, boxes)
  await desk.keyboard.press('Control+s')
  await desk.locator('#review [data-confirm]').waitFor()
  await desk.keyboard.press('Control+s')
  await desk.getByText('Saved. New runs use version').waitFor()
  await desk.getByRole('link', { name: /^Versions/ }).click()
  await desk.locator('.diff .come').getByText('filter').waitFor()
  assert.equal(await desk.locator('.diff .come, .diff .gone').count(), 1, 'one line differs')
  await accessible(desk, 'the versions of a flow')
  await desk.getByRole('button', { name: 'Roll back to it' }).click()
  await desk.getByText('is the current one again').waitFor()
  well(desk)
})

test('rehearses a flow before it is saved', async () => {
  await visit(desk, '/flows/1')
  await desk.getByText('valid, 2 of 2 tests pass').waitFor()
  const rehearse = desk.getByRole('button', { name: 'Rehearse' })
  await rehearse.click()
  await desk.getByText('Nothing would differ in').waitFor()
  await desk.evaluate(() => {
    const field = document.querySelector('#source')
    field.value = field.value.replace('Hello, ', 'Good morning, ')
    field.dispatchEvent(new Event('filled'))
  })
  await rehearse.click()
  await desk.getByText('would differ.').waitFor()
  await desk.getByText('The first runs that differ').click()
  for (const width of widths) {
    await desk.setViewportSize({ width, height: 900 })
    await fits(desk, 'a rehearsal')
    await picture(desk, `rehearsal-${width}`)
    await accessible(desk, 'a rehearsal')
  }
  await desk.setViewportSize({ width: widths[0], height: 900 })
  well(desk)
})

test('completes what the schema knows', async () => {
  await visit(desk, '/flows/new')
  await desk.locator('.cm-content').click()
  await desk.keyboard.press('Control+End')
  await desk.keyboard.type('\nva')
  await desk.locator('.cm-tooltip-autocomplete').getByText('vars', { exact: true }).waitFor()
  await desk.keyboard.press('Escape')
  well(desk)
})

test('gives requests that work when pasted', async () => {
  await visit(desk, '/flows/1/call')
  await accessible(desk, 'requests to copy')
  await desk.fill('[name=event]', '{"name": "O\'Hara"}')
  await desk.getByRole('button', { name: 'Write the requests' }).click()
  await desk.locator('#in-curl').getByText("O'\\''Hara").waitFor()
  await desk.getByRole('button', { name: 'Copy curl sample' }).click()
  const command = await desk.evaluate(() => navigator.clipboard.readText())
  const { stdout } = await sh('bash', ['-c', command], { env: { ...process.env, PENSTOCK_SECRET: process.env.PENSTOCK_API_SECRET } })
  assert.deepEqual(JSON.parse(stdout), { success: true, output: [{ message: "Hello, O'Hara" }] })
  await desk.fill('[name=event]', '{"name": "Zoë"}') // the same one in the same second would be a replay
  await desk.getByRole('button', { name: 'Show a signed URL' }).click()
  await desk.locator('#in-curl').getByText('Zoë').waitFor()
  const signed = await desk.locator('.sample.wrap').textContent()
  const answer = await fetch(signed, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"name":"Zoë"}' })
  assert.deepEqual(await answer.json(), { success: true, output: [{ message: 'Hello, Zoë' }] })
  for (const [id, program] of [['python', 'python3'], ['node', 'node']]) {
    await setTimeout(1100) // likewise
    const text = await desk.locator(`#in-${id} pre`).textContent()
    const args = id === 'node' ? ['--input-type=module', '-e', text] : ['-c', text]
    const { stdout } = await sh(program, args, { env: { ...process.env, PENSTOCK_SECRET: process.env.PENSTOCK_API_SECRET } })
    assert.match(stdout, /Hello, Zoë/, id)
  }
  well(desk)
})

test('makes a key, shows its secret, and switches it off', async () => {
  await visit(desk, '/access/keys')
  await desk.getByText('New API key').click()
  await desk.getByLabel('Name', { exact: false }).first().fill('Website')
  await desk.getByLabel('Key', { exact: false }).first().fill('website')
  await desk.getByRole('button', { name: 'Create key' }).click()
  await desk.getByText('The key was created').waitFor()
  await desk.getByRole('button', { name: 'Show the secret' }).click()
  await desk.getByTitle('Copy secret').waitFor()
  await accessible(desk, 'an API key')
  const access = desk.getByRole('switch', { name: 'API access of Website' })
  await access.click()
  await desk.locator('[role=switch][aria-checked=false]').waitFor()
  await desk.getByRole('button', { name: 'Make a new secret' }).click()
  await desk.getByText('Show the old secret').waitFor()
  await visit(desk, '/access/keys')
  await accessible(desk, 'the list of keys')
  well(desk)
})

test('tells when nobody uses the old secret any more', async () => {
  await visit(desk, '/access/keys/website')
  await desk.getByRole('switch', { name: 'API access of Website' }).click()
  await desk.getByRole('switch', { name: 'API access of Website', checked: true }).waitFor()
  await desk.getByText('none yet, with either secret').waitFor()
  const secret = async label => {
    await desk.getByText(`Show the ${label}`, { exact: true }).click()
    return desk.getByRole('button', { name: `Copy ${label}`, exact: true }).getAttribute('data-copy')
  }
  const body = '{"name":"Ada"}', ts = Math.floor(Date.now() / 1000)
  for (const label of ['secret', 'old secret']) {
    const check = createHash('md5').update(`1|website|${ts}|${body}|${await secret(label)}`).digest('hex')
    const answer = await fetch(`${base}/apis/execute.php?flow=1&key=website&ts=${ts}&check=${check}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })
    assert.equal(answer.status, 200, label)
  }
  await until(async () => {
    await desk.reload()
    return desk.getByText('50 % on the new secret').isVisible()
  })
  await desk.getByText('1 call with the old one').waitFor()
  await accessible(desk, 'a key with two secrets')
  await desk.getByRole('button', { name: 'End the old secret now' }).click()
  await desk.getByRole('button', { name: 'End the old secret', exact: true }).click() // it asks
  await desk.getByText('the old one is no longer valid').waitFor()
  well(desk)
})

test('makes a client and downloads its assertion', async () => {
  await visit(desk, '/access/clients')
  await desk.getByText('New API client').click()
  await desk.locator('[name=name]').fill('Loyalty')
  await desk.locator('[name=assertion_expires_on]').fill('2090-01-31')
  await desk.getByRole('checkbox', { name: 'flows:run' }).check()
  await accessible(desk, 'the form of a client')
  await desk.getByRole('button', { name: 'Create client' }).click()
  await desk.getByText('Secret (not shown again)').waitFor()
  await accessible(desk, 'a new client')
  const [download] = await Promise.all([desk.waitForEvent('download'), desk.getByRole('button', { name: 'Generate and download assertion' }).click()])
  assert.match(download.suggestedFilename(), /^client-.*-assertion\.txt$/)
  const [token] = await Promise.all([desk.waitForEvent('download'), desk.getByRole('button', { name: 'Download an access token' }).click()])
  const headers = { Authorization: 'Bearer ' + await text(token), 'Content-Type': 'application/json' }
  assert.equal((await fetch(base + '/v1/flows/1/runs', { method: 'POST', headers, body: '{}' })).status, 200, 'the token runs a flow')
  await desk.reload()
  await desk.getByRole('button', { name: 'Invalidate' }).click()
  await desk.getByText('all tokens of the client are revoked').waitFor()
  assert.equal((await fetch(base + '/v1/flows/1/runs', { method: 'POST', headers, body: '{}' })).status, 403, 'the token is dead')
  well(desk)
})

test('keeps a connection and never shows its password', async () => {
  await visit(desk, '/connections')
  await accessible(desk, 'no connections')
  await desk.getByText('New connection').click()
  await desk.getByRole('link', { name: /^basic/ }).click()
  await desk.fill('[name=name]', 'crm')
  await desk.fill('[name=hosts]', 'crm.example.org')
  await desk.fill('[name="setting.username"]', 'penstock')
  await desk.fill('[name="setting.password"]', 'a-password-of-the-crm')
  await accessible(desk, 'the form of a connection')
  await desk.getByRole('button', { name: 'Save' }).click()
  await desk.getByText('The connection crm was saved').waitFor()
  assert.ok(!(await desk.content()).includes('a-password-of-the-crm'))
  await desk.fill('[name=url]', 'https://elsewhere.example.org/')
  await desk.getByRole('button', { name: 'Test it' }).click()
  await desk.getByText('the URL of the test is on none of its hosts').waitFor()
  await accessible(desk, 'a connection that was tested')
  well(desk)
})

test('authorises a connection at another server', async () => {
  const issuer = await issue()
  try {
    const page = await look({ abroad: issuer.url })
    await signIn(page)
    await visit(page, '/connections/new?type=oauth2_refresh')
    const settings = { token_url: issuer.url + '/token', authorize_url: issuer.url + '/authorize', client_id: client.id, client_secret: client.secret }
    await page.fill('[name=name]', 'erp')
    await page.fill('[name=hosts]', 'erp.example.org')
    for (const [name, value] of Object.entries(settings)) await page.fill(`[name="setting.${name}"]`, value)
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('not yet', { exact: true }).waitFor()
    await accessible(page, 'a connection that is not authorised')
    await page.getByRole('button', { name: 'Authorise' }).click()
    await page.getByRole('link', { name: /^Go on to 127/ }).waitFor()
    await accessible(page, 'the way to the authorization server')
    await page.getByRole('link', { name: /^Go on to 127/ }).click()
    await page.getByText('The connection erp is authorised').waitFor()
    await page.getByText('has a refresh token').waitFor()
    well(page)
  } finally {
    issuer.close()
  }
})

test('shows what the door refused, and why', async () => {
  const ts = Math.floor(Date.now() / 1000)
  const refused = await fetch(`${base}/apis/execute.php?flow=1&key=console&ts=${ts}&check=${'0'.repeat(32)}`)
  assert.equal(refused.status, 401)
  await visit(desk, '/refused')
  await desk.getByText('unknown key or wrong check value').first().waitFor()
  await desk.getByText('Explain a request').click()
  await desk.fill('[name=url]', `${base}/apis/execute.php?flow=1&key=console&ts=${ts - 1000}&check=${'0'.repeat(32)}`)
  await desk.getByRole('button', { name: 'Explain' }).click()
  await desk.getByText('The proof does not fit.').waitFor()
  await accessible(desk, 'an explanation')
  well(desk)
})

test('shows the queues behind the session', async () => {
  await visit(desk, '/queues')
  await desk.getByRole('link', { name: 'default' }).waitFor()
  await desk.locator('nav[aria-label=Main]').getByRole('link', { name: /^Overview/ }).click()
  await desk.getByRole('heading', { name: 'Overview' }).waitFor()
  well(desk)
})

test('pauses a queue with the token, and resumes it', async () => {
  await visit(desk, '/queues')
  assert.equal(await turnQueue(desk, 'pause'), 204)
  assert.equal(await turnQueue(desk, 'resume'), 204)
  well(desk)
})

test('leads from a run to its task, and back', async () => {
  await visit(desk, '/queues')
  assert.equal(await turnQueue(desk, 'pause'), 204) // a task that has ended is gone
  const id = await call(2, { name: 'Ada' })
  await visit(desk, '/runs/' + id)
  await desk.locator('.facts').getByRole('link', { name: 'Task' }).click()
  await desk.waitForURL('**/queues/default/tasks/*')
  await desk.getByRole('link', { name: 'Open the run of this task' }).click()
  await desk.waitForURL('**/runs/' + id)
  await visit(desk, '/queues')
  assert.equal(await turnQueue(desk, 'resume'), 204)
  well(desk)
})

test('leaves out what an operator may not do', async () => {
  await visit(desk, '/access/users')
  await desk.getByText('New user').click()
  await desk.fill('[name=name]', 'olaf')
  await desk.fill('[name=password]', 'olaf-has-a-password')
  await desk.getByRole('checkbox', { name: /^viewer/ }).uncheck()
  await desk.getByRole('checkbox', { name: /^operator/ }).check()
  await desk.getByRole('button', { name: 'Create user' }).click()
  await desk.getByText('The user olaf was created').waitFor()
  const page = await look()
  await signIn(page, { user: 'olaf', password: 'olaf-has-a-password' })
  assert.deepEqual(await page.locator('nav[aria-label=Main] a span').allTextContents(), ['Overview', 'Flows', 'Runs', 'Failures', 'Queues'])
  await visit(page, '/flows/1')
  await page.locator('.cm-content').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Save and deploy' }).count(), 0)
  await page.getByRole('button', { name: 'Pause' }).click()
  await page.getByRole('button', { name: 'Resume' }).click()
  await page.getByText('No run had waited').waitFor()
  await page.getByRole('link', { name: 'Try it' }).first().click()
  await page.getByRole('button', { name: 'Run', exact: true }).click()
  await page.locator('#result').getByText('succeeded').waitFor()
  await page.getByRole('link', { name: 'Open the run' }).click()
  await page.getByRole('link', { name: 'Replay…' }).waitFor()
  for (const path of ['/flows/new', '/access/keys', '/access/users', '/connections', '/refused']) {
    assert.equal((await page.goto(base + '/console' + path)).status(), 403, path)
  }
  well(page)
})

test('leaves out what a viewer may not do', async () => {
  await visit(desk, '/access/users')
  await desk.getByText('New user').click()
  await desk.fill('[name=name]', 'vera')
  await desk.fill('[name=password]', 'vera-has-a-password')
  await desk.getByRole('button', { name: 'Create user' }).click()
  await desk.getByText('The user vera was created').waitFor()
  await accessible(desk, 'the users')
  const page = await look()
  await signIn(page, { user: 'vera', password: 'vera-has-a-password' })
  assert.deepEqual(await page.locator('nav[aria-label=Main] a span').allTextContents(), ['Overview', 'Flows', 'Runs', 'Failures', 'Queues'])
  await visit(page, '/flows/1')
  await page.locator('.cm-content').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Save and deploy' }).count(), 0)
  assert.equal(await page.getByRole('link', { name: 'Try it' }).count(), 0)
  await visit(page, '/runs')
  await page.locator('tbody tr').first().click()
  await page.getByRole('heading', { name: 'Steps' }).waitFor()
  for (const role of ['button', 'link']) for (const name of ['Replay…', 'Cancel']) assert.equal(await page.getByRole(role, { name }).count(), 0, name)
  assert.equal((await page.goto(base + '/console/access/keys')).status(), 403)
  await page.getByText('Not for your role').waitFor()
  await accessible(page, 'a page that is not for one')
  well(page)
})

// Each page is loaded at both widths, side by side, and looked at in both themes.
const widths = [1440, 390]

test('reads well', { concurrency: true }, async t => {
  const asked = await ask()
  await switchFlow(3, 'pause')
  await Promise.all(widths.map(width => t.test(`at ${width} px`, async () => {
    const page = await look({ width, audited: true })
    await signIn(page)
    const run = await call(2, { name: 'nobody' })
    const paths = ['/', '/runs', '/runs/' + run, '/runs/' + asked, '/flows', '/flows/1', '/flows/3', '/flows/1/try', '/flows/1/call', '/flows/1/versions', '/flows/new', '/access/keys',
      '/access/keys/console', '/access/clients', '/access/users', '/access/users/vera', '/access/audit', '/connections', '/connections/new?type=postgres', '/refused', '/lines']
    for (const path of paths) {
      await visit(page, path)
      if (path.endsWith(asked)) await unfold(page)
      await readable(page, path, path)
    }
    await visit(page, '/connections')
    await page.getByText('New connection').click()
    await inThemes(page, async () => {
      const menu = await page.locator('.pop').boundingBox()
      assert.ok(menu.x >= 0 && menu.x + menu.width <= width, 'a menu is within the window')
    })
    well(page)
  })))
  await switchFlow(3, 'resume')
})

test("reads well in asynqmon's pages", { concurrency: true }, async t => {
  const pages = await Promise.all(widths.map(width => look({ width, audited: true })))
  for (const page of pages) {
    await signIn(page)
    await visit(page, '/queues')
  }
  await turnQueue(pages[0], 'pause')
  try {
    const task = await call(2, { name: 'Ada' }) // stays pending while we look
    // What each page shows once its data is there.
    const paths = { '': 'tbody th', '/queues/default?status=pending': 'tbody th', '/queues/default?status=retry': '.MuiAlert-root', [`/queues/default/tasks/${task}.1`]: 'text="pending"',
      '/servers': '[aria-label="expand row"]', '/schedulers': '.MuiAlert-root', '/redis': 'pre', '/settings': '[role=slider]', '/nowhere': 'h5' }
    await Promise.all(pages.map((page, i) => t.test(`at ${widths[i]} px`, async () => {
      for (const [path, shown] of Object.entries(paths)) {
        await visit(page, '/queues' + path)
        await page.locator(shown).first().waitFor()
        await readable(page, `asynqmon's ${path || 'queues'}`, '/queues' + path)
      }
      well(page)
    })))
    for (const [i, page] of pages.entries()) await t.test(`resumes a queue at ${widths[i]} px`, () => inThemes(page, async () => {
      await visit(page, '/queues')
      await page.getByRole('button', { name: 'Actions default' }).hover({ force: true }) // gives way to others at once
      await page.getByRole('button', { name: 'Resume' }).hover()
      await page.getByRole('tooltip', { name: 'Resume' }).waitFor()
      await page.getByRole('button', { name: 'Resume' }).click() // has its name although the tooltip is open
      await page.getByRole('button', { name: 'Pause' }).waitFor()
      await turnQueue(page, 'pause')
      well(page)
    }))
  } finally {
    await turnQueue(pages[0], 'resume')
  }
})

test('is light', async t => { // and says how quick: the time is the machine's matter
  for (const path of ['/signin', '/', '/runs', '/flows', '/flows/1']) {
    const page = await look() // nothing is kept from before
    if (path !== '/signin') await signIn(page)
    const session = await page.context().newCDPSession(page)
    await session.send('Network.enable')
    await session.send('Network.clearBrowserCache')
    let weight = 0 // bytes on the line, headers too
    session.on('Network.loadingFinished', ({ encodedDataLength }) => { weight += encodedDataLength })
    await page.goto('about:blank')
    await visit(page, path)
    await page.waitForLoadState('networkidle')
    const ready = await page.evaluate(() => Math.round(performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd))
    t.diagnostic(`${path}: interactive after ${ready} ms, ${(weight / 1024).toFixed(1)} KB on the line`)
    assert.ok(weight > 1024, 'what came is counted')
    assert.ok(weight < (path === '/flows/1' ? 350 : 60) * 1024, `${path} weighs ${weight} bytes`)
    well(page)
    await page.context().close()
  }
})

test('signs out', async () => {
  await visit(desk, '/')
  await desk.getByRole('button', { name: 'Sign out' }).click()
  await desk.getByRole('heading', { name: 'Sign in' }).waitFor()
  await desk.goto(base + '/console/runs')
  await desk.waitForURL('**/signin?to=*')
  well(desk)
})
