// Looks at pages while Redis, the front door or the workers are away, at buttons that are pressed twice, and at errors. It has an
// installation of its own, whose processes it ends and starts again.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { accessible, close, fits, look, open, picture, root } from './desk.mjs'

const ports = {}
const processes = new Map() // by name
let dir, base, env

const freePort = () => new Promise((resolve, reject) => {
  const server = createServer().once('error', reject).listen(0, '127.0.0.1', () => {
    const { port } = server.address()
    server.close(() => resolve(port))
  })
})

// until asks again until it is so.
async function until(what, so, limit = 30_000) {
  for (const end = Date.now() + limit; Date.now() < end; await setTimeout(100)) {
    if (await so()) return
  }
  assert.fail(`${what}: it did not come to be so\n${[...processes].map(([name, child]) => name + ': ' + child.log).join('\n')}`)
}

const commands = {
  redis: () => ['redis-server', ['--port', ports.redis, '--bind', '127.0.0.1', '--dir', dir, '--appendonly', 'yes', '--save', '', '--maxmemory-policy', 'noeviction']],
  door: () => [process.env.BINARY, ['api', '--listen', `127.0.0.1:${ports.door}`, '--flows', 'flows', '--metrics-listen', '', ...shared()]],
  worker: () => [process.env.BINARY, ['worker', '--metrics-listen', '', '--history-delay', '0s', ...shared()]],
}

const shared = () => ['--redis', `redis://127.0.0.1:${ports.redis}`, '--history', 'sqlite:' + join(dir, 'history.db')]

function begin(name) {
  const [command, args] = commands[name]()
  const child = spawn(command, args.map(String), { env, stdio: ['ignore', 'ignore', 'pipe'] })
  child.log = ''
  child.stderr.on('data', text => { child.log = (child.log + text).slice(-4000) })
  child.ended = new Promise(resolve => child.on('exit', resolve))
  processes.set(name, child)
}

async function end(name, signal = 'SIGKILL') {
  const child = processes.get(name)
  processes.delete(name)
  child?.kill('SIGCONT')
  child?.kill(signal)
  await child?.ended
}

const ready = () => until('the front door is ready', () => fetch(base + '/readyz').then(answer => answer.ok, () => false))

const authorization = 'Basic ' + btoa(`${root.user}:${root.password}`)
const api = (path, options = {}) => fetch(base + '/v1' + path, { ...options, headers: { Authorization: authorization, 'Content-Type': 'application/json', ...options.headers } })

async function enter(page, path = '/') {
  await page.goto(base + '/console/signin?to=' + encodeURIComponent('/console' + path))
  await page.fill('[name=user]', root.user)
  await page.fill('[name=password]', root.password)
  await page.click('button:has-text("Sign in")')
  await page.waitForURL(base + '/console' + path)
}

const bar = (page, name) => page.locator(`#health [data-trouble=${name}]`)

// looked checks the page at both widths and in both themes, half of which only for pictures.
async function looked(page, what, name) {
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 900 })
    await fits(page, `${what} at ${width}`)
    for (const theme of ['light', 'dark']) {
      const audited = (width === 1440) === (theme === 'light')
      if (!audited && !process.env.SHOTS) continue
      await page.emulateMedia({ colorScheme: theme })
      await page.evaluate(() => document.getAnimations().forEach(animation => { if (animation instanceof CSSTransition) animation.finish() }))
      await picture(page, `states-${name}-${width}-${theme}`)
      if (audited) await accessible(page, `${what} at ${width} px, ${theme}`)
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 })
}

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'states-'))
  ports.redis = await freePort()
  ports.door = await freePort()
  base = `http://127.0.0.1:${ports.door}`
  env = { ...process.env, PENSTOCK_MASTER_KEY: Buffer.alloc(32, 7).toString('base64') }
  await open()
  begin('redis')
  await until('Redis listens', () => !processes.get('redis').log.includes('exit') && fetch(`http://127.0.0.1:${ports.redis}`).then(() => true, error => error.cause?.code !== 'ECONNREFUSED'))
  begin('door')
  begin('worker')
  await ready()
  for (let i = 0; i < 3; i++) assert.equal((await api('/flows/1/runs', { method: 'POST', body: '{"name":"Ada"}' })).status, 200)
  await until('the history has the runs', async () => (await (await api('/runs?search=Ada')).json()).items?.length === 3)
})

after(async () => {
  await close()
  for (const name of ['worker', 'door', 'redis']) await end(name)
  await rm(dir, { recursive: true, force: true })
})

test('says that Redis is away, shows what the history has, and comes back by itself', async () => {
  const page = await look({ abroad: base })
  await enter(page, '/runs')
  await page.locator('tr[data-row]').nth(2).waitFor()
  const run = await page.locator('[data-open]').first().getAttribute('href')
  const left = await page.context().newPage() // left open all the time
  await left.goto(base + '/console/flows/1/versions')
  await end('redis')
  await bar(page, 'redis').waitFor({ timeout: 15_000 })
  await page.getByText('What you see is of').waitFor()
  await picture(page, 'states-redis-open')
  const asked = []
  left.on('request', () => asked.push(Date.now()))

  await page.goto(base + '/console/runs')
  await page.getByText('listed are the ended runs that the history has').waitFor()
  assert.equal(await page.locator('tr[data-row]').count(), 3)
  await page.goto(base + run)
  await page.getByRole('heading', { name: 'Steps' }).waitFor()
  for (const path of ['/flows', '/flows/1', '/flows/1/stats', '/']) {
    const answer = await page.goto(base + '/console' + path)
    assert.equal(answer.status(), 200, path)
    await bar(page, 'redis').waitFor()
  }
  await looked(page, 'the overview without Redis', 'redis-overview')
  const stranger = await look({ abroad: base })
  await stranger.goto(base + '/console/signin')
  await stranger.getByRole('button', { name: 'Sign in' }).waitFor()
  await stranger.fill('[name=user]', root.user)
  await stranger.fill('[name=password]', root.password)
  await stranger.getByRole('button', { name: 'Sign in' }).click()
  await bar(stranger, 'redis').waitFor()
  await looked(stranger, 'signing in without Redis', 'redis-sign-in')
  await stranger.context().close()
  const refused = await page.goto(base + '/console/failures')
  assert.equal(refused.status(), 503)
  await page.getByRole('heading', { name: 'Redis does not answer' }).waitFor()
  const id = await page.locator('.reqid code').textContent()
  assert.equal(id, refused.headers()['x-request-id'])
  await page.getByRole('button', { name: 'Copy the id of the request' }).click()
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), id)
  await looked(page, 'an error page without Redis', 'redis-error')
  await until('the page that was left open asked three times', () => asked.length >= 3)
  assert.ok(asked[2] - asked[0] > 9000, `a page without Redis asked three times in ${asked[2] - asked[0]} ms`)

  begin('redis')
  await page.getByRole('heading', { name: 'Failures' }).waitFor({ timeout: 30_000 }) // the error page has loaded itself again
  await bar(left, 'redis').waitFor({ state: 'detached', timeout: 20_000 })
  await page.context().close()
})

test('says that the front door is away, keeps what was typed, and sends nothing', async () => {
  const page = await look({ abroad: base })
  await enter(page, '/access/keys')
  await page.locator('summary').filter({ hasText: 'New API key' }).click()
  await page.fill('[name=name]', 'typed before')
  await end('door')
  await bar(page, 'door').waitFor({ timeout: 15_000 })
  await page.getByRole('button', { name: 'Create key' }).click()
  await page.getByText('Not sent: the front door does not answer').waitFor()
  await looked(page, 'a form without its front door', 'door-form')
  begin('door')
  await page.getByText('It answers again').waitFor({ timeout: 40_000 })
  assert.equal(await bar(page, 'door').count(), 0)
  assert.equal(await page.inputValue('[name=name]'), 'typed before')
  await page.getByRole('button', { name: 'Create key' }).click()
  await page.getByText('typed before').first().waitFor()
  await page.context().close()
})

test('says that no worker runs, and lists those that have gone', async () => {
  const page = await look({ abroad: base })
  await enter(page, '/workers')
  const busy = page.locator('table.processes').first().locator('tbody tr')
  await until('a worker is listed', async () => /default/.test(await busy.first().textContent()))
  await looked(page, 'the workers', 'workers')
  const tasks = await page.context().newPage()
  await tasks.goto(base + '/console/queues')
  await end('worker')
  await bar(page, 'workers').waitFor({ timeout: 25_000 })
  await page.getByText('lost', { exact: true }).waitFor({ timeout: 15_000 })
  await looked(page, 'the workers when all are lost', 'workers-lost')
  await bar(tasks, 'workers').waitFor({ timeout: 15_000 })
  await picture(tasks, 'states-queues-without-workers')
  await page.goto(base + '/console/')
  await bar(page, 'workers').waitFor()
  await looked(page, 'the overview without a worker', 'workers-overview')
  begin('worker')
  await page.getByText('A worker is running again').waitFor({ timeout: 30_000 })
  await bar(tasks, 'workers').waitFor({ state: 'detached', timeout: 30_000 })
  await page.goto(base + '/console/workers')
  await page.getByRole('heading', { name: 'Gone' }).waitFor({ timeout: 30_000 })
  await page.context().close()
})

describe('while all answer', { concurrency: true }, () => {
  test('asks nothing from a hidden page', async () => {
    const page = await look({ abroad: base })
    await enter(page)
    await page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { get: () => window.hiddenNow })
      window.hiddenNow = true
      document.dispatchEvent(new Event('visibilitychange'))
    })
    await setTimeout(500) // a request that had begun
    const asked = []
    page.on('request', request => asked.push(request.url()))
    await setTimeout(8000)
    assert.deepEqual(asked, [])
    const told = page.waitForRequest(request => request.url().endsWith('/health'))
    await page.evaluate(() => {
      window.hiddenNow = false
      document.dispatchEvent(new Event('visibilitychange'))
    })
    await told
    await page.context().close()
  })

  test('sends a form once, and lets it go after an answer or Back', async () => {
    const page = await look({ abroad: base })
    await enter(page, '/flows/1')
    const sent = []
    await page.route('**/flows/1/paused', async route => {
      sent.push(route.request().method())
      await setTimeout(500)
      await route.continue()
    })
    await page.evaluate(() => document.addEventListener('submit', () => window.setTimeout(() => {
      sessionStorage.held = document.querySelector('button.sending')?.getAttribute('aria-disabled')
    }, 50)))
    const pause = page.getByRole('button', { name: 'Pause', exact: true })
    await pause.focus()
    await page.keyboard.press('Enter')
    await page.keyboard.press('Enter')
    await page.getByText('The flow is paused').waitFor()
    assert.equal(sent.length, 1)
    assert.equal(await page.evaluate(() => sessionStorage.held), 'true')
    await page.goBack()
    await page.getByRole('button', { name: 'Pause', exact: true }).or(page.getByRole('button', { name: 'Resume', exact: true })).first().waitFor()
    assert.equal(await page.locator('.sending, [aria-disabled=true]').count(), 0)
    await page.goto(base + '/console/flows/1')
    await page.getByRole('button', { name: 'Resume', exact: true }).dblclick()
    await page.getByText('The flow is resumed').waitFor()
    assert.equal(sent.length, 2)

    // htmx: the form of Try it, again after its answer.
    await page.goto(base + '/console/flows/1/try')
    let tries = 0
    page.on('request', request => { if (request.method() === 'POST' && request.url().endsWith('/try')) tries++ })
    const run = page.getByRole('button', { name: 'Run', exact: true })
    await run.dblclick()
    await page.locator('#result').getByText('succeeded').waitFor()
    assert.equal(tries, 1)
    await run.click()
    await until('the second try was sent', () => tries === 2)
    await page.locator('#result').getByText('succeeded').waitFor()
    await page.context().close()
  })

  test('handles a form once without script', async () => {
    const page = await look({ abroad: base, scripts: false })
    await enter(page, '/flows/1/try')
    const form = page.locator('form[action$="/try"]')
    const fields = { csrf: await form.locator('[name=csrf]').inputValue(), once: await form.locator('[name=once]').inputValue(), event: '{"name":"Once"}' }
    const send = () => page.request.post(base + '/console/flows/1/try', { form: fields, maxRedirects: 0, headers: { Origin: base } })
    const [first, second] = [await send(), await send()]
    assert.equal(first.status(), 303)
    assert.equal(second.status(), 303)
    assert.equal(second.headers().location, first.headers().location)
    await page.context().close()
  })

  test('begins the overview with what needs attention', async () => {
    const page = await look({ abroad: base })
    assert.equal((await api('/flows/2/runs', { method: 'POST', body: '{"name":"nobody"}' })).status, 404)
    await enter(page)
    const needs = page.locator('.needs li')
    const failing = needs.filter({ hasText: 'Take a second over each step' })
    await failing.waitFor({ timeout: 20_000 })
    await failing.getByText('1 run', { exact: true }).waitFor()
    assert.match(await needs.first().textContent(), /failed and are open/)
    await looked(page, 'the overview with what needs attention', 'needs')
    await failing.getByRole('link').focus()
    await page.keyboard.press('Enter')
    await page.waitForURL('**/runs?filter=*')
    await page.locator('tr[data-row]').getByText('there is nobody of that name').waitFor()
    assert.equal(await page.locator('tr[data-row]').count(), 1)
    await page.context().close()
  })

  test('tells of errors of requests that the script sends', async () => {
    const page = await look({ abroad: base })
    await enter(page, '/flows/1/try')
    const run = page.getByRole('button', { name: 'Run', exact: true })
    await page.route('**/flows/1/try', route => route.fulfill({ status: 502, headers: { 'X-Request-Id': 'abc-123' }, body: 'bad gateway' }), { times: 1 })
    await run.click()
    const trouble = page.locator('#trouble')
    await trouble.getByText('The server answered with status 502').waitFor()
    await trouble.getByText('abc-123').waitFor()
    await looked(page, 'an error of a server between', 'error-502')
    await trouble.getByRole('button', { name: 'Close the message' }).click()
    assert.equal(await trouble.textContent(), '')
    await page.route('**/flows/1/try', route => route.abort(), { times: 1 })
    await run.click()
    await trouble.getByText('It is not known whether this was done').waitFor()
    await page.evaluate(() => { document.querySelector('textarea').value = 'no json' })
    await run.click()
    await until('the server says what is wrong', async () => /JSON/.test(await page.locator('#trouble, #result').allTextContents().then(texts => texts.join())))
    await page.context().close()
  })
})
