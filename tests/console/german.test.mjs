// The console in German: the pages fit, are accessible and have no English texts of the console, at both widths and in both themes; the
// language is that of the browser until the user chooses one, and fragments, notices and what scripts say have it, too.
import assert from 'node:assert/strict'
import { before, after, test } from 'node:test'
import { base, call, close, fits, look, open, readable, root, visit, well } from './desk.mjs'

const authorization = 'Basic ' + btoa(`${root.user}:${root.password}`)
const gerda = { user: 'gerda', password: 'vier Wörter sind genug' }
let desk, run

async function german(page) {
  await page.context().setExtraHTTPHeaders({ 'Accept-Language': 'de-AT,de;q=0.9,en;q=0.5' })
}

before(async () => {
  await open()
  const made = await fetch(base + '/v1/users', {
    method: 'POST', headers: { Authorization: authorization, 'Content-Type': 'application/json' },
    body: JSON.stringify({ name: gerda.user, password: gerda.password, roles: ['admin'] }),
  })
  assert.ok(made.ok, `user: ${made.status}`)
  run = await call(1, { name: 'Gerda' })
  desk = await look({ audited: true })
})
after(async () => {
  well(desk)
  await close()
})

const languageOf = page => page.evaluate(() => document.documentElement.lang)

test('signs in in the language of the browser', async () => {
  await german(desk)
  await desk.goto(base + '/console/signin')
  assert.equal(await languageOf(desk), 'de')
  await readable(desk, 'the sign-in page', 'de-signin')
  await desk.fill('[name=user]', gerda.user)
  await desk.fill('[name=password]', 'das falsche')
  await desk.click('button:has-text("Anmelden")')
  await desk.waitForSelector('[role=alert]:has-text("Name oder Passwort ist falsch")')
  await desk.fill('[name=password]', gerda.password)
  await desk.click('button:has-text("Anmelden")')
  await desk.waitForURL(url => !url.pathname.endsWith('/signin'))
  assert.equal(await desk.title(), 'Übersicht · Penstock')
})

test('the choice of the user counts more than the browser, in pages, notices and fragments', async () => {
  await visit(desk, '/account')
  await desk.selectOption('select[name=language]', 'en')
  await desk.click('button[data-save]')
  await desk.waitForSelector('.notice:has-text("Your preferences were saved.")')
  assert.equal(await languageOf(desk), 'en')
  await desk.context().setExtraHTTPHeaders({ 'Accept-Language': 'en' })
  await desk.selectOption('select[name=language]', 'de')
  await desk.click('button[data-save]')
  await desk.waitForSelector('.notice:has-text("Die Einstellungen wurden gespeichert.")')
  assert.equal(await languageOf(desk), 'de')
  await visit(desk, '/flows')
  await desk.fill('#flow-text', 'there is no such flow')
  await desk.waitForSelector('#flow-list h2:has-text("Kein Flow passt")')
})

test('what scripts say is German', async () => {
  await visit(desk, '/flows')
  await desk.keyboard.press('Control+k')
  await desk.waitForSelector('#palette [aria-label="Seite, Sache oder Handlung"]')
  await desk.keyboard.press('Escape')
  await visit(desk, '/runs')
  assert.match(await desk.textContent('time[data-ago]'), /^(vor \d+ (s|min|h)|jetzt)$/)
  await desk.check('[data-pick] >> nth=0')
  await desk.waitForSelector('[data-selected-count]:has-text("1 ausgewählt")')
  await desk.uncheck('[data-pick] >> nth=0')
})

test('numbers and times are written as in German, and what machines read is not', async () => {
  await visit(desk, `/runs/${run}`)
  assert.match(await desk.getAttribute('time[title]', 'title'), /^\d\d\.\d\d\.\d{4},? \d\d:\d\d:\d\d/)
  assert.match(await desk.getAttribute('time[datetime]', 'datetime'), /^\d{4}-\d\d-\d\dT/)
})

for (const width of [1440, 390]) {
  test(`the pages fit and are accessible at ${width} px`, async () => {
    await desk.setViewportSize({ width, height: 900 })
    const pages = ['/', '/flows', '/flows/1', '/flows/1/try', '/flows/1/call', '/flows/new', '/runs', `/runs/${run}`, '/failures', '/workers', '/lines', '/connections', '/connections/new?type=bearer', '/access/keys', '/access/clients', '/access/users', '/access/audit', '/refused', '/account', '/operations']
    for (const path of pages) {
      await visit(desk, path)
      if (['/', '/flows', '/runs', '/account', '/access/users'].includes(path)) await readable(desk, path, 'de' + path)
      else await fits(desk, path)
      assert.equal(await languageOf(desk), 'de', path)
    }
  })
}
