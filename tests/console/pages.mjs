// Measures every page of the console without a run, with one, and with many. It has an installation of its own: Redis, a front door, a
// worker and a history in SQLite, or none with HISTORY=off. PAGES="0 1 100000" tests/console/run starts it; it is no part of ./test. More
// than 2,000 runs are written by bench/pages, with as many entries of the audit log and a tenth of deliveries; SHOTS keeps a picture of each
// page at 1440 and 390 px, light and dark.
//
// Columns, each the median of five: first byte and interactive (DOMContentLoaded, and the parts that htmx loads with the page) in ms in
// the browser; processor time of the front door in ms and commands of Redis, per request, over twenty requests.
// First byte and interactive depend on what else the machine does; the commands do not.
import { execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { close, fits, look, open, picture, root } from './desk.mjs'

const flows = 30
const limits = { byte: 100, interactive: 500 } // ms
const most = 2000 // runs that are started one by one; of more the rest is written
const shots = process.env.SHOTS
const key = Buffer.alloc(32, 7).toString('base64')
const processes = []
let dir, base, redis, door, shared

const freePort = () => new Promise(resolve => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address()
    server.close(() => resolve(port))
  })
})

async function until(what, so, limit = 600_000) {
  for (const end = Date.now() + limit; Date.now() < end; await setTimeout(200)) if (await so()) return
  throw new Error(`${what}: it did not come to be so`)
}

function begin(command, ...args) {
  const child = spawn(command, args.map(String), { env: { ...process.env, PENSTOCK_MASTER_KEY: key }, stdio: 'ignore' })
  child.ended = new Promise(resolve => child.on('exit', resolve))
  processes.push(child)
  return child
}

// flowOf is a flow of which a tenth of the runs fail in one of three ways; the last flow has runs that wait.
const flowOf = n => `flow: ${n}
slug: flow-${n}
name: Orders of shop ${n}
trigger: webhook
tags: [shop, region-${n % 4}]
steps:
  - name: read
    set: {order: "\${ .order }", total: "\${ .total }"}
${n === flows
    ? '  - name: pause\n    delay: {for: 40h}\n'
    : `  - switch:
      - when: .order % 10 == 0
        steps:
          - fail: {message: 'shop ${n} refused the order: \${ ["no stock", "no address", "a wrong total"][.order % 3] }', status: 422}
      - else:
          - name: total
            set: {total: "\${ .total * 2 }"}
`}`

const authorization = 'Basic ' + btoa(`${root.user}:${root.password}`)
const api = (path, body) => fetch(base + '/v1' + path, { method: body ? 'POST' : 'GET', body: body && JSON.stringify(body), headers: { Authorization: authorization, Prefer: 'respond-async', 'Content-Type': 'application/json' } })

// fill starts runs, 64 at a time: one of 100 waits. More than most are written first.
async function fill(from, to) {
  if (to - from > most) {
    const history = shared.at(shared.indexOf('--history') + 1)
    const args = ['-redis', `redis://127.0.0.1:${redis}`, '-history', history === 'off' ? '' : history, '-runs', to - from - 200, '-audit', to - from, '-deliveries', Math.floor((to - from) / 10)]
    const { stdout } = await promisify(execFile)(process.env.FILL, args.map(String), { env: { ...process.env, PENSTOCK_MASTER_KEY: key } })
    console.log('\n' + stdout)
    from = to - 200
  }
  let next = from
  await Promise.all(Array.from({ length: 64 }, async () => {
    while (next < to) {
      const n = next++
      const flow = n % 100 === 99 ? flows : n % (flows - 1) + 1
      const answer = await api(`/flows/${flow}/runs`, { order: n + 1, total: n % 500, customer: 'customer-' + n % 1000 })
      await answer.arrayBuffer()
      if (answer.status !== 202) throw new Error(`run ${n}: ${answer.status}`)
    }
  }))
}

// ask sends one command to Redis and returns its text.
const ask = command => new Promise((resolve, reject) => {
  let text = ''
  const socket = connect(redis, '127.0.0.1', () => socket.write(command + '\r\n'))
  socket.setEncoding('utf8').on('error', reject).on('data', more => {
    text += more
    const size = /^\$(\d+)\r\n/.exec(text)
    if (/^:\d+\r\n/.test(text)) { socket.end(); resolve(text.slice(1)) }
    if (size && text.length >= Number(size[1]) + size[0].length) { socket.end(); resolve(text) }
  })
})
// Commands of all processes: an idle worker adds a few a second.
const commands = async () => Number(/total_commands_processed:(\d+)/.exec(await ask('INFO stats'))[1])
const processor = async () => (await readFile(`/proc/${door.pid}/stat`, 'utf8')).split(') ')[1].split(' ').slice(11, 13).reduce((sum, ticks) => sum + Number(ticks) * 10, 0)

const median = values => [...values].sort((a, b) => a - b)[values.length >> 1]

async function first(path, pattern) {
  const text = await (await fetch(base + '/console' + path, { headers: { Cookie: first.cookie } })).text()
  return pattern.exec(text)?.[1]
}

// paths lists the pages; those of things that do not exist are left out.
async function paths() {
  const run = await first('/runs', /href="\/console\/runs\/([0-9a-f-]{36})"/)
  const failed = await first('/runs?filter=' + encodeURIComponent('state eq "failed"'), /href="\/console\/runs\/([0-9a-f-]{36})"/)
  const failure = await first('/failures', /href="\/console\/failures\/([^"?]+)"/)
  const filter = text => '/runs?filter=' + encodeURIComponent(text)
  const ofRun = run ? ['', '/picture', '/replay'].map(part => `/runs/${run}${part}`) : []
  return ['/', '/runs', '/runs?filter=' + encodeURIComponent('state eq "failed"'), '/runs?search=customer-7', filter('state eq "waiting"'), filter('state eq "cancelled"'), filter('flow eq 7'), filter('flow eq 7 and state eq "timed_out"'),
    filter('code eq "uncertain"'), filter('labels contains "customer=customer-7"'), filter('principal eq "none"'), filter('state eq "failed" or flow eq 8'), '/runs?order_by=-duration_ms', ...ofRun, ...(failed ? [`/runs/${failed}/resume`, `/runs/compare?run=${run}&run=${failed}`] : []),
    '/failures', ...(failure ? ['/failures/' + failure] : []), '/operations', '/flows', '/flows/new', ...['', '/stats', '/versions', '/webhooks', '/deliveries', '/try', '/call'].map(part => '/flows/1' + part),
    '/access/keys', '/access/clients', '/access/users', '/access/audit', '/access/audit?who=user%3Auser-5', '/access/audit?outcome=refused', '/access/audit?q=nothing-has-this', '/connections', '/connections/new?type=bearer', '/refused', '/workers', '/lines', '/queues', '/queues/queues', '/queues/queues/default?status=pending', '/queues/queues/default?status=retry', '/go', '/account']
}

async function measure(page, path) {
  const bytes = [], ready = []
  let status
  for (let i = 0; i < 5; i++) {
    const answer = await page.goto(base + '/console' + path)
    status = answer.status()
    if (!(answer.headers()['content-type'] ?? '').includes('html')) break
    await page.waitForTimeout(300)
    const [byte, interactive] = await page.evaluate(() => {
      const { requestStart, responseStart, domContentLoadedEventEnd } = performance.getEntriesByType('navigation')[0]
      const loads = performance.getEntriesByType('resource').filter(entry => entry.initiatorType === 'xmlhttprequest').map(entry => entry.responseEnd)
      return [responseStart - requestStart, Math.max(domContentLoadedEventEnd, ...loads)]
    })
    bytes.push(byte)
    ready.push(interactive)
  }
  await page.goto('about:blank')
  const [before, spent] = [await commands(), await processor()]
  for (let i = 0; i < 20; i++) await (await fetch(base + '/console' + path, { headers: { Cookie: first.cookie } })).arrayBuffer()
  const [after, used] = [await commands(), await processor()]
  const byte = median(bytes) ?? NaN, interactive = median(ready) ?? NaN
  return { status, byte, interactive, processor: (used - spent) / 20, commands: (after - before) / 20, over: byte > limits.byte || interactive > limits.interactive }
}

const failed = '/runs?filter=' + encodeURIComponent('state eq "failed"')

// pictures keeps what a page looks like; of the filters one is enough.
async function pictures(page, path, runs) {
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 900 })
    await page.emulateMedia({ colorScheme: 'light' })
    await page.goto(base + '/console' + path)
    await page.waitForTimeout(200)
    await fits(page, path).catch(error => console.log(error.message))
    for (const theme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme: theme })
      await page.waitForTimeout(100)
      await picture(page, `${runs}-${path.replaceAll(/[0-9a-f-]{36}/g, 'run')}-${width}-${theme}`)
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 })
  await page.emulateMedia({ colorScheme: 'light' })
}

async function table(runs) {
  const page = await look({ abroad: base })
  await page.goto(base + '/console/signin')
  await page.fill('[name=user]', root.user)
  await page.fill('[name=password]', root.password)
  await page.click('button:has-text("Sign in")')
  await page.waitForURL(url => !url.pathname.endsWith('/signin'))
  first.cookie = (await page.context().cookies()).map(cookie => `${cookie.name}=${cookie.value}`).join('; ')
  console.log(`\n### ${runs} runs\n\n| page | status | first byte ms | interactive ms | processor ms | Redis commands | |\n|---|---|---|---|---|---|---|`)
  for (const path of await paths()) {
    const m = await measure(page, path)
    if (shots && (!path.includes('filter=') || path === failed)) await pictures(page, path, runs)
    const shown = path.replaceAll(/[0-9a-f-]{36}/g, 'RUN').replace(/failures\/.+/, 'failures/FAILURE')
    console.log(`| \`${decodeURIComponent(shown)}\` | ${m.status} | ${m.byte.toFixed(0)} | ${m.interactive.toFixed(0)} | ${m.processor.toFixed(1)} | ${m.commands.toFixed(0)} | ${m.over ? 'over' : ''} |`)
  }
  await page.context().close()
}

try {
  dir = await mkdtemp(join(tmpdir(), 'pages-'))
  await mkdir(join(dir, 'flows'))
  for (let n = 1; n <= flows; n++) await writeFile(join(dir, 'flows', n + '.yaml'), flowOf(n))
  redis = await freePort()
  const port = await freePort()
  base = `http://127.0.0.1:${port}`
  shared = ['--redis', `redis://127.0.0.1:${redis}`, '--history', process.env.HISTORY === 'off' ? 'off' : 'sqlite:' + join(dir, 'history.db'), '--metrics-listen', '']
  begin('redis-server', '--port', redis, '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--maxmemory-policy', 'noeviction')
  await until('Redis listens', () => ask('INFO stats').then(() => true, () => false))
  door = begin(process.env.BINARY, 'api', '--listen', `127.0.0.1:${port}`, '--flows', join(dir, 'flows'), ...shared)
  begin(process.env.BINARY, 'worker', '--history-delay', '0s', ...shared)
  await until('the front door is ready', () => fetch(base + '/readyz').then(answer => answer.ok, () => false))
  await open()
  let had = 0
  for (const runs of process.argv.slice(2).map(Number).concat(process.argv.length > 2 ? [] : [0, 1, 100_000])) {
    const begun = Date.now()
    await fill(had, runs)
    had = runs
    await until('nothing is pending', async () => (await (await api('/queues/default')).json()).backlog === 0)
    await until('the history has what ended', async () => process.env.HISTORY === 'off' || Number(await ask('LLEN penstock:{default}:ended')) === 0)
    if (runs > 1) console.log(`\n${runs} runs, started in ${((Date.now() - begun) / 1000).toFixed(0)} s`)
    await table(runs)
  }
} finally {
  await close().catch(() => {})
  for (const child of processes.reverse()) {
    child.kill('SIGTERM')
    await child.ended
  }
  await rm(dir, { recursive: true, force: true })
}
