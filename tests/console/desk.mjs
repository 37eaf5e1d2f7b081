// A browser that looks at the console and holds every page to what must be
// true of all: nothing is loaded from elsewhere, nothing is refused by the
// page's policy, no script fails.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

export const base = process.env.PENSTOCK_URL
export const root = { user: process.env.PENSTOCK_ADMIN_USER, password: process.env.PENSTOCK_ADMIN_PASSWORD }
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let browser

export async function open() {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--no-proxy-server'],
  })
}

export const close = () => browser.close()

// look makes a page of its own session. What goes wrong on it is in troubles.
// It may go nowhere else but to abroad. One that is audited has axe-core in all
// it loads: cheaper than to send it to each page.
export async function look({ width = 1440, abroad = base, audited = false, scripts = true } = {}) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: 'light', javaScriptEnabled: scripts, permissions: ['clipboard-read', 'clipboard-write'] })
  if (audited) await context.addInitScript(axe)
  const page = await context.newPage()
  page.setDefaultTimeout(10_000)
  page.troubles = []
  const note = text => page.troubles.push(`${text} at ${page.url()}`)
  page.on('pageerror', error => note(error.message))
  page.on('console', message => { if (message.type() === 'error' && !/status of 4\d\d|Status Error Code 4\d\d/.test(message.text())) note(message.text()) })
  page.on('request', request => { if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(base + '/') && !request.url().startsWith(abroad + '/')) note('a request to ' + request.url()) })
  return page
}

export async function signIn(page, { user, password } = root) {
  await page.goto(base + '/console/signin')
  await page.fill('[name=user]', user)
  await page.fill('[name=password]', password)
  await page.click('button:has-text("Sign in")')
  await page.waitForURL(url => !url.pathname.endsWith('/signin'))
}

export async function visit(page, path) {
  const answer = await page.goto(base + '/console' + path)
  assert.equal(answer.status(), 200, path)
}

// well checks that nothing went wrong on the page so far.
export function well(page) {
  assert.deepEqual(page.troubles, [])
}

// accessible checks the page as it is with axe-core.
export async function accessible(page, what) {
  // Through the debugger: the page's policy lets no script of ours in.
  if (!await page.evaluate(() => 'axe' in window)) await page.evaluate(axe)
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }))
  const serious = violations.filter(v => v.impact === 'serious' || v.impact === 'critical')
    .map(v => `${v.id}: ${v.help}: ${v.nodes.map(n => n.html.slice(0, 160)).join(' | ')}`)
  assert.deepEqual(serious, [], what)
}

// fits checks that the page does not scroll sideways.
export async function fits(page, what) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
  assert.ok(content <= window, `${what} is ${content} px wide in a window of ${window}`)
}

// settle ends transitions: what is on its way to its colour, or to its place, is there now. asynqmon begins its own a moment after the
// theme has changed, when React has rendered it: settle returns once three frames had none.
const settle = page => page.evaluate(async () => {
  for (let quiet = 0, frames = 0; quiet < 3 && frames < 300; frames++) {
    const running = document.getAnimations().filter(a => a instanceof CSSTransition && a.playState === 'running')
    running.forEach(a => a.finish())
    quiet = running.length ? 0 : quiet + 1
    await new Promise(requestAnimationFrame)
  }
})

// inThemes calls check with the page in the theme that it has, then in the other.
export async function inThemes(page, check) {
  const dark = await page.evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches)
  await settle(page)
  await check(dark ? 'dark' : 'light')
  const ground = await page.evaluateHandle(() => {
    const element = document.querySelector('.MuiPaper-root') ?? document.body // asynqmon's body is light in both
    return { element, color: getComputedStyle(element).backgroundColor }
  })
  const other = dark ? 'light' : 'dark'
  await page.emulateMedia({ colorScheme: other })
  await page.waitForFunction(({ element, color }) => getComputedStyle(element).backgroundColor !== color, ground)
  await settle(page)
  await check(other)
}

// readable checks the page in both themes. name is that of its picture.
export async function readable(page, what, name) {
  await inThemes(page, async theme => {
    const { width } = page.viewportSize()
    await fits(page, what)
    await picture(page, `${name}-${width}-${theme}`)
    await accessible(page, `${what} at ${width} px, ${theme}`)
  })
}

// visible checks that the element with the focus shows it. The editor says so
// a moment later.
export async function visible(page, what) {
  const shown = () => {
    if (document.activeElement === document.body) return true // the focus is on its way around, in the browser's own bars
    const style = getComputedStyle(document.activeElement.closest('.cm-editor') ?? document.activeElement)
    return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
  }
  await page.waitForFunction(shown, null, { timeout: 1000 }).catch(async () => {
    assert.fail(`${what}: nobody sees where the focus is: ${await page.evaluate(() => document.activeElement.outerHTML.slice(0, 160))}`)
  })
}

// picture keeps what the page looks like, if the environment says where.
export async function picture(page, name) {
  const dir = process.env.SHOTS
  if (dir) await page.screenshot({ path: `${dir}/${name.replace(/[^a-z0-9]+/gi, '-').replace(/^-/, '')}.png`, fullPage: true })
}

const authorization = 'Basic ' + btoa(`${root.user}:${root.password}`)

// start starts a run over the API.
const start = (flow, event, headers) => fetch(`${base}/v1/flows/${flow}/runs`, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json', Authorization: authorization, ...headers },
  body: JSON.stringify(event),
})

// call starts a run and returns its id.
export async function call(flow, event) {
  const answer = await start(flow, event, { Prefer: 'respond-async' })
  assert.equal(answer.status, 202)
  return (await answer.json()).run_id
}

// switchFlow pauses a flow, or resumes it.
export async function switchFlow(flow, to) {
  const answer = await fetch(`${base}/v1/flows/${flow}/${to}`, { method: 'POST', headers: { Authorization: authorization } })
  assert.equal(answer.status, 200)
}

// ask waits for a run over three addresses, one of them a wrong one, and
// returns its id.
export async function ask() {
  const answer = await start(3, { base, paths: ['/healthz', '/nowhere', '/readyz'] })
  assert.equal(answer.status, 200)
  const { run_id, output } = await answer.json()
  assert.deepEqual(output.map(item => item.status), [200, 404, 200])
  return run_id
}
