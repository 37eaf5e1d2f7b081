// Signing in at an OpenID Connect provider that nobody here wrote: a role by a group, another one, none, signing out there, and signing in
// over a page whose session has ended.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after, before } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import Provider from 'oidc-provider'

const shots = process.env.SHOTS
const secret = 'the-secret-of-the-client-at-the-provider'
const groups = new Map([['ada', ['boss']], ['bo', ['staff']], ['cy', ['guests']]])

const reports = [] // of the provider, about those who sign out there

let dir, server, issuer, penstock, desk

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'signon-'))
  server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  issuer = `http://127.0.0.1:${server.address().port}`
  await writeFile(join(dir, 'sign-on.yaml'), `issuer: ${issuer}\nclient_id: penstock\nname: Acme\nscopes: [profile, groups]\nroles: {admin: [boss], viewer: [staff]}\npasswords: administrator\n`)
  const ready = join(dir, 'url')
  penstock = spawn(process.env.BINARY, ['dev', '--listen', '127.0.0.1:0', '--data', 'none', '--ready-file', ready, '--sign-on', join(dir, 'sign-on.yaml')],
    { env: { ...process.env, PENSTOCK_SIGN_ON_SECRET: secret }, stdio: ['ignore', 'ignore', 'pipe'] })
  penstock.log = ''
  penstock.stderr.on('data', text => { penstock.log += text })
  let url = ''
  for (let i = 0; !url; i++) {
    assert.ok(i < 600 && penstock.exitCode === null, penstock.log)
    await pause(50)
    url = (await readFile(ready, 'utf8').catch(() => '')).trim()
  }
  process.env.PENSTOCK_URL = url
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'penstock', client_secret: secret, redirect_uris: [`${url}/console/signin/callback`], post_logout_redirect_uris: [`${url}/console/signin`],
      backchannel_logout_uri: `${url}/console/signin/provider/logout`, backchannel_logout_session_required: true,
    }],
    claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'] },
    scopes: ['openid', 'profile', 'groups'],
    fetch: (url, { dispatcher, ...options }) => fetch(url, options), // its own refuses addresses of this machine
    features: { backchannelLogout: { enabled: true } },
    cookies: { keys: ['a key of the test'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: 'id-of-' + id, preferred_username: id, groups: groups.get(id) }) }),
  })
  provider.on('backchannel.error', (_, err) => reports.push(`${err}`))
  provider.on('backchannel.success', () => reports.push('told'))
  server.on('request', provider.callback())
  desk = await import('./desk.mjs')
  await desk.open()
})

after(async () => {
  await desk?.close()
  server?.close()
  if (penstock?.exitCode === null) {
    penstock.kill()
    await once(penstock, 'exit')
  }
  await rm(dir, { recursive: true, force: true })
})

// enter fills in the forms of the provider.
async function enter(page, name) {
  await page.fill('[name=login]', name)
  await page.fill('[name=password]', 'any')
  await page.click('button[type=submit]')
  await page.waitForURL(url => url.pathname.startsWith('/interaction/') || url.href.startsWith(desk.base))
  if (page.url().startsWith(issuer)) await page.click('button[type=submit]') // the consent
}

const well = page => assert.deepEqual(page.troubles.filter(text => !text.includes('at ' + issuer)), [])

test('signs in by mouse, has the role of the group, and signs out there, too', async () => {
  const page = await desk.look({ abroad: issuer, audited: true })
  await page.goto(desk.base + '/console/runs')
  await page.getByText('Sign in with a password').waitFor()
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 900 })
    await desk.inThemes(page, async theme => {
      await desk.fits(page, `the form at ${width}`)
      await desk.accessible(page, `the form at ${width}, ${theme}`)
      if (shots) await page.screenshot({ path: `${shots}/signon-${width}-${theme}.png`, fullPage: true })
    })
  }
  await page.setViewportSize({ width: 1440, height: 900 })
  await page.getByRole('link', { name: 'Sign in with Acme' }).click()
  await enter(page, 'ada')
  await page.waitForURL(desk.base + '/console/runs')
  await desk.visit(page, '/access/users/ada') // for administrators only
  await page.getByText(issuer).waitFor()
  if (shots) await page.screenshot({ path: `${shots}/signon-user.png`, fullPage: true })
  await desk.visit(page, '/account')
  assert.equal(await page.locator('[name=current]').count(), 0)

  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'You are signed out' }).waitFor()
  await desk.accessible(page, 'signed out')
  if (shots) await page.screenshot({ path: `${shots}/signon-out.png`, fullPage: true })
  await page.getByRole('link', { name: 'Sign out of Acme, too' }).click()
  await page.click('button[name=logout]')
  await page.waitForURL(desk.base + '/console/signin')
  await page.getByRole('link', { name: 'Sign in with Acme' }).click()
  await page.locator('[name=login]').waitFor() // the provider asks again
  well(page)
  await page.context().close()
})

test('signs in by keyboard as a viewer; without a role the page says so', async () => {
  const page = await desk.look({ abroad: issuer })
  await page.goto(desk.base + '/console/signin')
  for (let i = 0; i < 10 && !(await page.evaluate(() => document.activeElement.matches('a.button'))); i++) await page.keyboard.press('Tab')
  await desk.visible(page, 'the button')
  await page.keyboard.press('Enter')
  await page.locator('[name=login]').waitFor()
  await enter(page, 'bo')
  await page.waitForURL(desk.base + '/console/')
  assert.equal((await page.goto(desk.base + '/console/access/users')).status(), 403)
  await page.context().close()

  const other = await desk.look({ abroad: issuer })
  await other.goto(desk.base + '/console/signin/provider')
  await enter(other, 'cy')
  await other.getByText('none of your groups gives you a role').waitFor()
  if (shots) await other.screenshot({ path: `${shots}/signon-no-role.png`, fullPage: true })
  assert.match(penstock.log, /no group of \\?"cy\\?" gives a role: guests/)
  await other.context().close()
})

test('the administrator of the settings signs in with a password, and nobody else', async () => {
  const page = await desk.look({ abroad: issuer })
  await page.goto(desk.base + '/console/signin')
  await page.getByText('Sign in with a password').click()
  await page.fill('[name=user]', desk.root.user)
  await page.fill('[name=password]', desk.root.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL(desk.base + '/console/')
  well(page)
  await page.context().close()
})

test('signs in over a page whose session has ended, in another window', async () => {
  const page = await desk.look({ abroad: issuer })
  await page.goto(desk.base + '/console/signin/provider?to=/console/account')
  await enter(page, 'ada')
  await page.waitForURL(desk.base + '/console/account')
  await page.selectOption('[name=hours]', '24')
  await page.context().clearCookies({ name: 'penstock_session' })
  await page.locator('[data-save]').click()
  const dialog = page.locator('dialog#signin')
  await dialog.getByRole('link', { name: 'Sign in with Acme' }).waitFor()
  const [window] = await Promise.all([page.context().waitForEvent('page'), dialog.getByRole('link', { name: 'Sign in with Acme' }).click()])
  await window.waitForURL(url => url.href.startsWith(desk.base + '/console/')) // the provider knows ada still
  await window.close()
  await page.bringToFront()
  await page.evaluate(() => window.dispatchEvent(new Event('focus'))) // headless windows do not lose it
  await dialog.waitFor({ state: 'hidden' })
  await page.getByText('saved').first().waitFor()
  assert.equal(await page.inputValue('[name=hours]'), '24')
  await page.context().close()
})

test('signing out at the provider ends the session here', async () => {
  const page = await desk.look({ abroad: issuer })
  await page.goto(desk.base + '/console/signin/provider')
  await enter(page, 'ada')
  await page.waitForURL(desk.base + '/console/')
  const session = () => page.request.get(desk.base + '/console/session', { headers: { 'HX-Request': 'true' } })
  assert.equal((await session()).status(), 200)
  await page.goto(issuer + '/session/end')
  const told = page.waitForResponse(response => response.url().startsWith(issuer) && response.request().method() === 'POST')
  await page.click('button[name=logout]')
  await told // the provider has reported it before it answers
  assert.equal(reports.at(-1), 'told')
  assert.equal((await session()).status(), 401)
  assert.doesNotMatch(penstock.log, /sign-out at the provider/)
  await page.context().close()
})
