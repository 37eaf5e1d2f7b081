// The page of a run: what runs and waits, the requests of its steps, large JSON, tests and replays. It brings its flows along.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { accessible, base, call, close, fits, look, open, picture, readable, root, signIn, visible, visit, well } from './desk.mjs'

let desk // where root has signed in
let service // the system that the flows call
let release = () => {} // answers the request that /slow holds

const authorization = 'Basic ' + btoa(`${root.user}:${root.password}`)

async function api(method, path, body, type = 'application/json') {
  const answer = await fetch(base + path, { method, headers: { Authorization: authorization, 'Content-Type': type }, body })
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${answer.ok || await answer.text()}`)
  return answer
}

const deploy = (flow, text) => api('PUT', `/v1/flows/${flow}`, `flow: ${flow}\n${text}`, 'application/yaml')

// ends waits until a run is in a state, and returns it.
async function ends(id, ...states) {
  for (let n = 0; n < 40; n++) {
    const run = await (await api('GET', `/v1/runs/${id}?wait=1`)).json()
    if (states.includes(run.state)) return run
  }
  assert.fail(`run ${id} is not ${states}`)
}

const start = async (flow, event, ...states) => {
  const id = await call(flow, event)
  await ends(id, ...states)
  return id
}

const step = (page, path) => page.locator(`.waterfall > li > details[data-key="${path}"]`)

before(async () => {
  service = createServer((request, response) => {
    const chunks = []
    request.on('data', chunk => chunks.push(chunk)).on('end', () => {
      response.setHeader('Content-Type', 'application/json')
      if (request.url.startsWith('/slow')) return void (release = () => response.end('{}'))
      if (request.url.startsWith('/refuse')) response.statusCode = 503
      response.setHeader('Set-Cookie', 'session=hunter33')
      response.end(JSON.stringify({ path: request.url, got: String(Buffer.concat(chunks)), token: 'hunter44', hint: 'try again' }))
    })
  })
  await new Promise(resolve => service.listen(0, '127.0.0.1', resolve))
  const to = `http://127.0.0.1:${service.address().port}`
  await deploy(51, `slug: slow-pages
trigger: webhook
steps:
  - split: '.[]'
  - name: ask
    concurrency: 1
    http: {post: "${to}/slow", json: "\${ . }"}
`)
  await deploy(52, `slug: branches
trigger: webhook
run: {record: items}
steps:
  - parallel:
      - branch: crm
        steps:
          - name: late
            delay: {for: 300ms}
          - {name: crm, http: {post: "${to}/refuse?api_key=hunter55&page=2", json: {who: "\${ .who }", password: hunter66}}, retry: {attempts: 2, backoff: 10ms, on: [503]}}
      - branch: gifts
        steps:
          - {name: gifts, http: {post: "${to}/gifts", json: {who: "\${ .who }"}}}
  - name: last
    set: {done: true}
`)
  await deploy(53, `slug: parks
trigger: webhook
steps:
  - name: payment
    wait_for: {event: orders.paid, where: {id: "\${ .id }"}, within: 2h}
  - name: pause
    delay: {for: 1h}
`)
  await deploy(54, `slug: large
trigger: webhook
steps:
  - transform: '[range(.n) | {id: ., name: "person \\(.)", address: {street: "a long street with the number \\(.)", tags: ["a", "b", "c"]}, note: ("x" * 60)}]'
`)
  await deploy(55, `slug: tested
trigger: webhook
run: {record: items}
steps:
  - {name: send, http: {post: "${to}/send", json: {n: "\${ .n }"}}}
  - transform: '{path: .body.path}'
`)
  await open()
  desk = await look()
  await signIn(desk)
})
after(async () => {
  await close()
  release()
  service.closeAllConnections()
  service.close()
})

test('shows the step that runs on a page that is opened later', async () => {
  const id = await call(51, [{ n: 1 }, { n: 2 }, { n: 3 }])
  await visit(desk, `/runs/${id}`)
  const now = desk.getByRole('region', { name: 'Now' })
  await now.getByText('0 of 3 items').waitFor()
  await now.getByText('ask', { exact: true }).waitFor()
  await now.getByText('since').waitFor()
  release()
  await now.getByText('1 of 3 items').waitFor()
  await readable(desk, 'a run that executes', 'run-executes')
  await desk.locator('form[action$="/cancel"] button').click()
  await desk.getByText('The run was cancelled.').waitFor()
  assert.equal(await now.count(), 0, 'nothing runs any more')
  well(desk)
})

test('says for what a parked run waits, and until when', async () => {
  const id = await start(53, { id: 7 }, 'waiting')
  await visit(desk, `/runs/${id}`)
  const now = desk.getByRole('region', { name: 'Now' })
  await now.getByText('an event of the topic orders.paid').waitFor()
  await now.getByText(/\(in 1h 59m\)/).waitFor()
  const parts = desk.locator('.phases li')
  await parts.filter({ hasText: 'parked' }).waitFor()
  await readable(desk, 'a parked run', 'run-parked')
  await api('POST', '/v1/events/orders.paid', JSON.stringify({ id: 7 }))
  await now.getByText('the end of the delay').waitFor()
  await desk.locator('caption:has-text("Attempts of the run") ~ tbody tr').nth(1).waitFor()
  well(desk)
})

test('names branches, keeps the order of the flow, and shows requests without secrets', async () => {
  const id = await start(52, { who: 'Ann' }, 'failed')
  await visit(desk, `/runs/${id}`)
  const rows = await desk.locator('.waterfall > li').evaluateAll(all => all.map(row => row.querySelector('.step').firstElementChild?.textContent ?? row.textContent))
  assert.deepEqual(rows, ['parallel', 'crm', 'late', 'crm', 'gifts', 'gifts'])
  const crm = step(desk, 'parallel.1.crm')
  await crm.getByText('2 requests').waitFor()
  await crm.locator('summary').first().focus()
  await desk.keyboard.press('Enter')
  const exchanges = crm.locator('.exchanges > ol > li')
  await exchanges.first().waitFor()
  assert.equal(await exchanges.count(), 2)
  await exchanges.nth(1).locator('summary').first().click()
  await exchanges.nth(1).getByText('try 2').waitFor()
  await exchanges.nth(1).getByText('"try again"').waitFor()
  await exchanges.nth(1).getByText('status 503').waitFor()
  const page = await crm.locator('.exchanges').innerHTML()
  for (const secret of ['hunter33', 'hunter44', 'hunter55', 'hunter66']) assert.ok(!page.includes(secret), `${secret} is on the page`)
  await exchanges.nth(1).getByRole('button', { name: 'curl' }).click()
  const curl = await desk.evaluate(() => navigator.clipboard.readText())
  assert.match(curl, /^curl -X 'POST' 'http:\/\/127\.0\.0\.1:\d+\/refuse\?api_key=\*\*\*&page=2' \\\n/)
  assert.match(curl, /--data-raw '\{"password":"\*\*\*","who":"Ann"\}'/)
  await readable(desk, 'a run with requests', 'run-requests')
  const narrow = await look({ width: 390 })
  await signIn(narrow)
  await visit(narrow, `/runs/${id}`)
  await step(narrow, 'parallel.1.crm').locator('summary').first().click()
  await step(narrow, 'parallel.1.crm').locator('.exchanges summary').first().click()
  await readable(narrow, 'a run with requests', 'run-requests')
  well(narrow)
  await narrow.context().close()
  well(desk)
})

test('shows the plan of resuming from a step in place', async () => {
  const id = await start(52, { who: 'Bob' }, 'failed')
  await visit(desk, `/runs/${id}`)
  const parallel = step(desk, 'parallel')
  await parallel.locator('summary').first().click()
  await parallel.getByText('Resume from here', { exact: true }).click()
  await parallel.getByText('parallel.2.gifts').waitFor()
  await parallel.getByText('1 done again').first().waitFor()
  await accessible(desk, 'the plan of a step')
  await parallel.getByRole('link', { name: 'Resume from here…' }).click()
  await desk.getByRole('heading', { name: 'Plan' }).waitFor()
  assert.equal(await desk.locator('[name=from]').first().inputValue(), 'parallel')
  well(desk)
})

test('opens an output of 10 MB without building it', async () => {
  const id = await start(54, { n: 58_000 }, 'succeeded')
  const whole = await (await api('GET', `/v1/runs/${id}`)).text()
  assert.ok(whole.length > 10e6, `the output has ${whole.length} bytes`)
  const answer = await desk.goto(`${base}/console/runs/${id}`)
  const size = (await answer.body()).length
  const nodes = () => desk.evaluate(() => document.querySelectorAll('*').length)
  assert.ok(size < 300_000, `the page has ${size} bytes`)
  assert.ok(await nodes() < 3000, `the page has ${await nodes()} elements`)
  const output = desk.locator('.jsoncard').filter({ has: desk.getByRole('heading', { name: 'Output' }) })
  await output.locator('a[data-rest]').last().click() // of the list; its elements begin closed from some on
  await output.locator('li[data-i="199"]').first().waitFor()
  await output.locator('li[data-i="199"] > details > summary').first().click()
  await output.locator('li[data-i="199"] li[data-k=\'"name"\']').first().waitFor()
  assert.ok(await nodes() < 6000, `after opening branches: ${await nodes()} elements`)

  await output.getByRole('searchbox').fill('PERSON 57999')
  const hit = output.locator('.hits > li').first()
  await hit.getByText('.[0][57999].name').waitFor()
  await output.getByText('1 hit').waitFor()
  await hit.getByRole('link').click()
  await hit.locator('.hit .json').getByText('"person 57999"').waitFor()
  await fits(desk, 'a run with a large output')
  await picture(desk, 'run-large')
  await accessible(desk, 'a run with a large output')

  const raw = await desk.evaluate(async url => (await (await fetch(url)).text()).length, `${base}/console/runs/${id}/output.json`)
  assert.ok(raw > 10e6, `the raw text has ${raw} characters`)
  well(desk)
})

test('goes through JSON by keyboard, and copies values and their paths', async () => {
  const id = await start(1, { name: 'Zoë', 'odd key': [{ deep: true }], list: [1, 2] }, 'succeeded')
  await visit(desk, `/runs/${id}`)
  const event = desk.locator('.jsoncard').filter({ has: desk.getByRole('heading', { name: 'Event' }) })
  await event.locator('.json > details > summary').focus()
  await desk.keyboard.press('ArrowDown')
  await desk.keyboard.press('ArrowDown')
  await visible(desk, 'a value of the event')
  const path = event.locator('.jsonpath')
  const seen = new Set([await path.textContent()])
  for (let n = 0; n < 6; n++) {
    await desk.keyboard.press('ArrowDown')
    seen.add(await path.textContent())
  }
  assert.ok(seen.has('.list[1]') && seen.has('.["odd key"][0]'), [...seen].join(' '))
  await event.locator('li[data-k=\'"odd key"\'] summary').first().focus()
  await desk.keyboard.press('p')
  await event.getByText('The path is copied.').waitFor({ state: 'attached' })
  assert.equal(await desk.evaluate(() => navigator.clipboard.readText()), '.["odd key"]')
  await desk.keyboard.press('c')
  await event.getByText('The value is copied.').waitFor({ state: 'attached' })
  assert.deepEqual(JSON.parse(await desk.evaluate(() => navigator.clipboard.readText())), [{ deep: true }])
  await desk.keyboard.press('ArrowLeft')
  assert.equal(await event.locator('li[data-k=\'"odd key"\'] > details').getAttribute('open'), null)
  await event.locator('li[data-k=\'"name"\']').click()
  await event.getByRole('button', { name: 'Copy value' }).click()
  await desk.waitForFunction(async () => await navigator.clipboard.readText() === '"Zoë"')
  well(desk)
})

test('makes a test of a run that opens in the editor and passes', async () => {
  const id = await start(55, { n: 3 }, 'succeeded')
  await visit(desk, `/runs/${id}`)
  await desk.getByRole('link', { name: 'Make a test…' }).click()
  await desk.getByText('Nothing is saved yet').waitFor()
  await desk.locator('.cm-content').waitFor()
  await desk.getByText('valid, 1 of 1 tests pass').waitFor()
  const source = await desk.locator('#source').inputValue()
  assert.match(source, new RegExp(`tests:\\n  - name: "as in run ${id}"\\n    event: \\{"n":3\\}\\n    mocks: \\{"send":`))
  assert.ok(!source.includes('hunter'), source)
  await accessible(desk, 'the editor with a test of a run')
  well(desk)
})

test('links a replay both ways', async () => {
  const id = await start(1, { name: 'Ada' }, 'succeeded')
  await visit(desk, `/runs/${id}`)
  await desk.getByRole('link', { name: 'Replay…' }).click()
  await desk.locator('.cm-content').waitFor()
  await desk.getByRole('button', { name: 'Replay' }).click()
  await desk.waitForURL(url => /\/runs\/[0-9a-f-]{36}$/.test(url.pathname) && !url.pathname.endsWith(id))
  await desk.getByText('Replay of').waitFor()
  await desk.locator('dd').getByRole('link', { name: '…' + id.slice(-12) }).click()
  await desk.waitForURL(`**/runs/${id}`)
  await desk.getByText('Replayed by').waitFor()
  well(desk)
})

test('works without script', async () => {
  const id = await start(52, { who: 'Eve' }, 'failed')
  const page = await look({ scripts: false })
  await signIn(page)
  await visit(page, `/runs/${id}`)
  await step(page, 'parallel.1.crm').locator('summary').first().click()
  await step(page, 'parallel.1.crm').getByRole('link', { name: 'What the step received and returned' }).click()
  await page.getByRole('heading', { name: 'Step parallel.1.crm' }).waitFor()
  await page.getByText('try 2').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Copy value' }).count(), 0)
  await page.context().close()
})
