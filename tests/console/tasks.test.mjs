// Looks at queues and at asynqmon beside them, and tests connections from a front door that may not reach them: an installation of its
// own, whose front door and worker have different networks.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer as createHTTP } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { accessible, close, fits, look, open, picture, root, visible, well } from './desk.mjs'

const processes = new Map() // by name
let dir, base, env, redis, crm, desk

const listen = server => new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', () => resolve(server.address().port)))

async function freePort() {
  const server = createServer()
  const port = await listen(server)
  await new Promise(resolve => server.close(resolve))
  return port
}

// until asks again until it is so.
async function until(what, so, limit = 30_000) {
  for (const end = Date.now() + limit; Date.now() < end; await setTimeout(100)) {
    if (await so()) return
  }
  assert.fail(`${what}: it did not come to be so\n${[...processes].map(([name, child]) => name + ': ' + child.log).join('\n')}`)
}

function begin(name, command, ...args) {
  const child = spawn(command, args.map(String), { env, stdio: ['ignore', 'ignore', 'pipe'] })
  child.log = ''
  child.stderr.on('data', text => { child.log = (child.log + text).slice(-4000) })
  child.ended = new Promise(resolve => child.on('exit', resolve))
  processes.set(name, child)
}

async function end(name) {
  const child = processes.get(name)
  processes.delete(name)
  child?.kill('SIGTERM')
  await child?.ended
}

const beginWorker = (...args) => begin('worker', process.env.BINARY, 'worker', '--metrics-listen', '', '--redis', `redis://127.0.0.1:${redis}`, ...args)

const authorization = 'Basic ' + btoa(`${root.user}:${root.password}`)

async function api(method, path, body) {
  const answer = await fetch(base + '/v1' + path, { method, body: body && JSON.stringify(body), headers: { Authorization: authorization, Prefer: 'respond-async', ...(body && { 'Content-Type': 'application/json' }) } })
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`)
  return answer.status === 204 ? null : answer.json()
}

async function enter(page, { user, password } = root) {
  await page.goto(base + '/console/signin')
  await page.fill('[name=user]', user)
  await page.fill('[name=password]', password)
  await page.click('button:has-text("Sign in")')
  await page.waitForURL(url => !url.pathname.endsWith('/signin'))
}

// looked checks a page at both widths and in both themes, which the button of the header switches.
async function looked(page, what, name) {
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 900 })
    for (const theme of ['light', 'dark']) {
      await page.evaluate(theme => { document.documentElement.dataset.theme = theme }, theme)
      await page.evaluate(() => document.getAnimations().forEach(animation => { if (animation instanceof CSSTransition) animation.finish() }))
      await fits(page, `${what} at ${width}`)
      await picture(page, `tasks-${name}-${width}-${theme}`)
      if ((width === 1440) !== (theme === 'light')) continue // the other half is for pictures
      await accessible(page, `${what} at ${width} px, ${theme}`)
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 })
  await page.evaluate(() => { document.documentElement.dataset.theme = 'light' })
}

const pending = '/console/queues/queues/default?status=pending'
const ids = []

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tasks-'))
  redis = await freePort()
  const door = await freePort()
  base = `http://127.0.0.1:${door}`
  env = { ...process.env, PENSTOCK_MASTER_KEY: Buffer.alloc(32, 7).toString('base64') }
  crm = createHTTP((request, response) => {
    response.writeHead(request.headers.authorization === 'Bearer right' ? 200 : 401).end()
  })
  await listen(crm)
  await open()
  begin('redis', 'redis-server', '--port', redis, '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--maxmemory-policy', 'noeviction')
  await until('Redis listens', () => fetch(`http://127.0.0.1:${redis}`).then(() => true, error => error.cause?.code !== 'ECONNREFUSED'))
  begin('door', process.env.BINARY, 'api', '--listen', `127.0.0.1:${door}`, '--flows', 'flows', '--metrics-listen', '', '--redis', `redis://127.0.0.1:${redis}`)
  beginWorker('--allow-private-networks')
  await until('the front door is ready', () => fetch(base + '/readyz').then(answer => answer.ok, () => false))
  for (let i = 0; i < 3; i++) await api('POST', '/flows/1/runs', { name: 'Ada' })
  await until('the runs have ended', async () => (await api('GET', '/runs')).items.filter(run => run.state === 'succeeded').length === 3)
  await api('POST', '/queues/default/pause')
  for (let i = 0; i < 3; i++) ids.push((await api('POST', '/flows/2/runs', { name: 'Ada' })).run_id)
  desk = await look({ abroad: base })
  await enter(desk)
})

after(async () => {
  for (const name of ['worker', 'door', 'redis']) await end(name)
  crm?.close()
  await close()
  await rm(dir, { recursive: true, force: true })
})

test('leads from the navigation to the queues, and to asynqmon within the same header and theme', async () => {
  await desk.locator('nav[aria-label=Main]').getByRole('link', { name: /^Queues/ }).click()
  await desk.getByRole('heading', { name: 'Queues' }).waitFor()
  await looked(desk, 'the queues', 'queues')
  await desk.getByRole('link', { name: 'Tasks, in asynqmon' }).first().click()
  await desk.getByRole('link', { name: 'default' }).waitFor()
  assert.equal(await desk.locator('nav[aria-label=Main] [aria-current]').innerText().then(text => text.split('\n')[0]), 'Queues')
  const ground = () => desk.evaluate(() => [document.body, document.querySelector('#root .MuiPaper-root')].map(element => getComputedStyle(element).backgroundColor).join())
  const light = await ground()
  await desk.getByRole('button', { name: 'Switch between light and dark' }).click()
  await desk.waitForFunction(() => document.documentElement.dataset.theme === 'dark')
  await until('asynqmon is dark, too', async () => await ground() !== light)
  await desk.getByRole('button', { name: 'Switch between light and dark' }).click()
  await until('asynqmon is light again', async () => await ground() === light)
  await looked(desk, "asynqmon's queues", 'asynqmon')
  for (const path of ['/servers', '/redis', '/settings']) {
    await desk.goto(base + '/console/queues' + path)
    await desk.locator('#root .MuiPaper-root').nth(1).waitFor()
    await looked(desk, `asynqmon's ${path}`, 'asynqmon' + path)
  }
  well(desk)
})

test('shows each task under an id of its own, and leads to its run and back', async () => {
  await desk.goto(base + pending)
  await desk.locator('.of').nth(2).waitFor()
  const shown = await desk.locator('.of a:first-child').allTextContents()
  assert.deepEqual([...shown].sort(), ids.map(id => `…${id.slice(-12)}.1`).sort())
  await looked(desk, 'a list of tasks', 'list')
  const task = '…' + ids[1].slice(-12) + '.1'
  await desk.getByRole('link', { name: 'run of task ' + task }).click()
  await desk.waitForURL('**/console/runs/' + ids[1])
  await desk.locator('.facts').getByRole('link', { name: 'Task' }).click()
  await desk.waitForURL(`**/console/queues/queues/default/tasks/${ids[1]}.1`)
  await desk.getByText(`Attempt 1 of run ${ids[1]}.`).waitFor()
  await desk.getByText('pending', { exact: true }).waitFor()
  await looked(desk, 'a task', 'task')
  await desk.getByRole('link', { name: 'Open the run of this task' }).click()
  await desk.waitForURL('**/console/runs/' + ids[1])
  well(desk)
})

test('leads from a task to its run by keyboard alone', async () => {
  await desk.goto(base + pending)
  await desk.locator('.of').nth(2).waitFor()
  for (let i = 0; i < 80; i++) {
    await desk.keyboard.press('Tab')
    if (/^run of task/.test(await desk.evaluate(() => document.activeElement.ariaLabel ?? ''))) break
  }
  await visible(desk, 'the link to a run')
  const to = await desk.evaluate(() => document.activeElement.pathname)
  await desk.keyboard.press('Enter')
  await desk.waitForURL(base + to)
  await desk.locator('.facts').waitFor()
  well(desk)
})

test('says why a run has no task', async () => {
  const ended = (await api('GET', '/runs')).items.find(run => run.state === 'succeeded')
  await desk.goto(`${base}/console/runs/${ended.run_id ?? ended.id}/task`)
  await desk.getByText('The run has ended: asynq keeps no task of it.').waitFor()
  well(desk)
})

test("has the figures that asynqmon has", async () => {
  await desk.goto(base + '/console/lines')
  const card = desk.locator('section').filter({ has: desk.getByRole('heading', { name: /^default/ }) })
  const rows = await card.locator('.queuefigures tbody tr').evaluateAll(rows => rows.map(row => Object.fromEntries([...row.querySelectorAll('td')].map(cell => [cell.dataset.label, cell.innerText]))))
  const theirs = (await desk.evaluate(path => fetch(path).then(answer => answer.json()), '/console/queues/api/queues')).queues.find(queue => queue.queue === 'default')
  for (const [ours, name] of Object.entries({ Pending: 'pending', Active: 'active', 'In line': 'aggregating', Scheduled: 'scheduled', Retry: 'retry', Archived: 'archived', 'Ended today': 'processed', 'Failed today': 'failed' })) {
    assert.equal(rows[1][ours], String(theirs[name]), ours)
    assert.equal(rows[0][ours], rows[1][ours], ours + ' of a queue that is paused')
  }
  assert.equal(rows[0].Pending, '3')
  assert.equal(rows[0]['Ended today'], '3')
  await api('POST', '/queues/default/resume')
  await until('the runs are over', async () => (await api('GET', '/runs')).items.every(run => run.state === 'succeeded'))
  well(desk)
})

test('lets a viewer look and change nothing', async () => {
  const vera = { user: 'vera', password: 'vera-has-a-password' }
  await api('POST', '/users', { name: vera.user, password: vera.password, roles: ['viewer'] })
  const page = await look({ abroad: base })
  await enter(page, vera)
  await page.goto(base + '/console/queues')
  await page.getByRole('link', { name: 'default' }).waitFor()
  assert.equal(await page.getByRole('button', { name: 'Actions default' }).count(), 0)
  const status = (method, path) => page.evaluate(([method, path]) => new Promise(resolve => {
    const request = new XMLHttpRequest()
    request.onload = () => resolve(request.status)
    request.open(method, '/console/queues/api' + path)
    request.send()
  }), [method, path])
  assert.equal(await status('POST', '/queues/default:pause'), 403)
  assert.equal(await status('GET', '/redis_info'), 403)
  assert.equal(await status('GET', '/queues'), 200)
  well(page)
  await page.context().close()
  const stranger = await look({ abroad: base })
  const answer = await stranger.goto(base + '/console/queues/api/queues')
  assert.match(answer.url(), /\/signin/)
  await stranger.context().close()
})

test('tests a connection on a worker, where the front door may not reach it', async () => {
  const url = `http://127.0.0.1:${crm.address().port}`
  const put = token => api('PUT', '/connections/crm', { type: 'bearer', hosts: [url], settings: { token, test: url + '/me' } })
  await put('right')
  await desk.goto(base + '/console/connections/crm')
  const says = async what => {
    await desk.getByRole('button', { name: 'Test it' }).click()
    await desk.locator('#probe').getByText(what).waitFor()
  }
  await says(/the server answers 200 OK, asked by worker \S+\/\d+/)
  await picture(desk, 'tasks-connection-works')
  await put('wrong')
  await says(/401 Unauthorized: it refuses the credential \(asked by worker/)
  await end('worker')
  const begun = Date.now()
  await says(/no worker is running|of an earlier version/)
  assert.ok(Date.now() - begun < 4000, 'the answer came at once')
  await picture(desk, 'tasks-connection-without-worker')
  beginWorker()
  await until('the worker answers', async () => !/no worker|earlier version/.test((await api('POST', '/connections/crm/test')).message))
  await says(/is at a private address, which this process may not reach; allow it with --allow-private-networks of the workers/)
  well(desk)
})
