// What people do with their own account, and how they get anywhere: by mouse and by keyboard, in both widths and themes.
import assert from 'node:assert/strict'
import { before, after, test } from 'node:test'
import { accessible, base, close, fits, look, open, picture, readable, root, signIn, visible, visit, well } from './desk.mjs'

const authorization = 'Basic ' + btoa(`${root.user}:${root.password}`)
const pia = { user: 'pia', password: 'four words are enough' }
let desk

async function api(method, path, body, text) {
  const type = text ? 'application/yaml' : 'application/json'
  const answer = await fetch(base + path, { method, body: text ?? (body && JSON.stringify(body)), headers: { Authorization: authorization, ...((text ?? body) && { 'Content-Type': type }) } })
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`)
  return answer
}

before(async () => {
  await open()
  await api('POST', '/v1/users', { name: pia.user, password: pia.password, roles: ['admin'] })
  desk = await look({ audited: true })
  await signIn(desk, pia)
})
after(async () => {
  well(desk)
  await close()
})

const focusedOn = page => page.evaluate(() => document.activeElement.textContent.trim() || document.activeElement.name)

// toTab presses Tab until the focus is on what a text or a name says.
async function toTab(page, what) {
  for (let i = 0; i < 80; i++) {
    await page.keyboard.press('Tab')
    if (await focusedOn(page) === what) return visible(page, what)
  }
  assert.fail(`Tab does not come to ${what}`)
}

test('ends other sessions, singly and all', async () => {
  const others = [await look(), await look(), await look()]
  for (const page of others) await signIn(page, pia)
  await desk.click('.who')
  await desk.waitForURL('**/console/account')
  assert.equal(await desk.locator('.sessions tbody tr').count(), 4)
  assert.match(await desk.locator('.sessions tbody tr').first().innerText(), /Chrome on Linux.*console.*this one/s)
  assert.match(await desk.locator('dl.me').innerText(), /Signed in before\s+none is known/)
  await desk.locator('.sessions tbody tr').nth(1).getByRole('button', { name: /End the session of Chrome on Linux at 127\.0\.0\.1/ }).click()
  await desk.getByText('The session was ended.').waitFor()
  assert.equal(await desk.locator('.sessions tbody tr').count(), 3)
  await readable(desk, 'the own account', 'account')
  await toTab(desk, 'End all other sessions')
  await desk.keyboard.press('Enter')
  await desk.getByText('2 other sessions were ended.').waitFor()
  for (const page of others) {
    await page.goto(base + '/console/runs')
    assert.ok(page.url().includes('/signin'))
    await page.context().close()
  }
})

test('changes the own password by keyboard', async () => {
  const other = await look()
  await signIn(other, pia)
  assert.match(await (await visit(other, '/account'), other.locator('dl.me')).innerText(), /from 127\.0\.0\.1, Chrome on Linux/)
  await visit(desk, '/account')
  const say = async (current, secret, again) => {
    await desk.focus('[name=current]')
    for (const text of [current, secret, again]) {
      await desk.keyboard.press('Control+A')
      await desk.keyboard.type(text)
      await desk.keyboard.press('Tab')
    }
    await desk.keyboard.press('Enter')
  }
  await say(pia.password, 'passwordpassword', 'passwordpassword')
  await desk.getByText('is made of common passwords').waitFor()
  assert.equal(new URL(desk.url()).pathname, '/console/account') // a reload does not send it again
  await desk.waitForFunction(() => document.activeElement.name === 'password') // an autofocus comes once the page is drawn
  await accessible(desk, 'a refused password')
  await say('not the password', 'nine small green lamps', 'nine small green lamps')
  await desk.getByText('This is not your password.').waitFor()
  await say(pia.password, 'nine small green lamps', 'nine small green lamps')
  await desk.getByText('Your password was changed.').waitFor()
  pia.password = 'nine small green lamps'
  await other.goto(base + '/console/runs')
  assert.ok(other.url().includes('/signin'), 'the other session goes on')
  await signIn(other, pia)
  await other.context().close()
})

test('goes anywhere by keyboard', async () => {
  await visit(desk, '/')
  const names = async () => (await desk.locator('#palette .foundtitle').allInnerTexts())
  assert.equal(await desk.locator('#palette').count(), 0) // it is not loaded before
  await desk.keyboard.press('Control+k')
  const box = desk.getByRole('combobox', { name: 'Page, thing or action' })
  await box.waitFor()
  await desk.getByRole('option', { name: 'Overview' }).waitFor()
  await visible(desk, 'the search for anything')
  await desk.keyboard.press('ArrowDown')
  assert.match(await desk.locator('#palette [aria-selected=true]').innerText(), /^Flows/)
  assert.equal(await box.getAttribute('aria-activedescendant'), await desk.locator('#palette [aria-selected=true]').getAttribute('id'))
  await readable(desk, 'the search for anything', 'palette')
  await desk.keyboard.type('audit')
  await desk.waitForFunction(() => document.querySelector('#palette [aria-selected=true]')?.textContent.includes('Audit'))
  await desk.keyboard.press('Enter')
  await desk.waitForURL('**/console/access/audit')

  await desk.keyboard.press('Control+k') // as fast as it goes: what is chosen is what was typed
  await box.waitFor()
  await desk.keyboard.type('ask')
  await desk.keyboard.press('Enter')
  await desk.waitForURL('**/console/flows/3')

  await desk.keyboard.press('Control+k')
  await box.waitFor()
  await desk.keyboard.type('pause flow ask')
  await desk.keyboard.press('Enter')
  await desk.getByText('The flow is paused').waitFor()
  await desk.keyboard.press('Control+k')
  await box.waitFor()
  await desk.keyboard.type('resume flow ask')
  await desk.keyboard.press('Enter')
  await desk.getByText('The flow is resumed').waitFor()

  await desk.keyboard.press('Control+k')
  await box.waitFor()
  await desk.keyboard.type('no such thing')
  await desk.waitForFunction(() => document.querySelectorAll('#palette .found').length === 1)
  assert.deepEqual(await names(), ['Search runs for “no such thing”'])
  await accessible(desk, 'a search that finds nothing')
  await desk.keyboard.press('Escape')
  await box.waitFor({ state: 'hidden' })
})

test('goes anywhere by mouse, in a narrow window and without the script', async () => {
  await visit(desk, '/flows')
  await desk.setViewportSize({ width: 390, height: 800 })
  await desk.getByRole('button', { name: 'Menu' }).click()
  await desk.getByRole('link', { name: 'Go to…' }).click()
  await desk.getByRole('option', { name: 'Your account' }).waitFor()
  await readable(desk, 'the search for anything', 'palette')
  await desk.getByRole('option', { name: 'Your account' }).click()
  await desk.waitForURL('**/console/account')
  await readable(desk, 'the own account', 'account')
  await desk.setViewportSize({ width: 1440, height: 900 })
  const plain = await look({ scripts: false })
  await signIn(plain, pia)
  await plain.getByRole('link', { name: 'Go to…' }).click()
  await plain.fill('main [name=q]', 'workers')
  await plain.keyboard.press('Enter')
  await plain.getByRole('link', { name: /^Workers/ }).click()
  assert.ok(plain.url().endsWith('/console/workers'))
  well(plain)
  await plain.context().close()
})

test('connects a product, tests it, and sees who uses it', async () => {
  await visit(desk, '/connections')
  await desk.getByText('New connection').click()
  await desk.getByRole('link', { name: 'Stripe bearer' }).click()
  await desk.getByText('What to enter for Stripe').waitFor()
  assert.equal(await desk.inputValue('[name=name]'), 'stripe')
  assert.equal(await desk.inputValue('[name=hosts]'), 'api.stripe.com')
  assert.equal(await desk.inputValue('[name="setting.test"]'), 'https://api.stripe.com/v1/customers?limit=1')
  await readable(desk, 'the form of a product', 'preset')
  await visit(desk, '/connections/new?product=zoom&type=oauth2_client')
  await desk.getByRole('link', { name: 'oauth2_refresh' }).click()
  await desk.waitForURL('**type=oauth2_refresh')
  assert.equal(await desk.inputValue('[name="setting.token_url"]'), 'https://zoom.us/oauth/token')

  // One that a flow uses, at a server of our own: its test says which certificate is wrong.
  await api('PUT', '/v1/connections/here', { type: 'bearer', hosts: [base], settings: { token: 'a-token-of-here' } })
  await api('PUT', '/v1/flows/41', undefined, `flow: 41\nslug: visit\nname: Visit\nsteps:\n  - http: {get: "${base}/healthz", connection: here}\n`)
  await api('POST', '/v1/flows/41/runs', {})
  const row = desk.locator('tr', { hasText: 'here' }).first()
  const shown = async () => { await visit(desk, '/connections'); return row.innerText() }
  for (const end = Date.now() + 10_000; /not used/.test(await shown()) && Date.now() < end;); // written within a second or two
  assert.match(await row.innerText(), /here\s+bearer\s+http:\/\/127\.0\.0\.1:\d+\s+41\s+(now|\d+s ago)/)
  await row.getByRole('link', { name: '41' }).click()
  await desk.waitForURL('**/console/flows/41')
  await visit(desk, '/access/users')
  assert.match(await desk.locator('tr', { hasText: 'pia' }).innerText(), /pia\s+you\s+admin\s+(now|\d+[sm] ago)/)
  await visit(desk, '/connections')
  await readable(desk, 'the list of connections', 'used-connections')
  await desk.setViewportSize({ width: 390, height: 900 })
  await readable(desk, 'the list of connections', 'used-connections')
  await visit(desk, '/access/users')
  await readable(desk, 'the list of users', 'used-users')
  await desk.setViewportSize({ width: 1440, height: 900 })
})

test('has the theme and the time zone of the user', async () => {
  await visit(desk, '/account')
  await desk.selectOption('[name=theme]', 'dark')
  await desk.selectOption('[name=hours]', '12')
  await desk.fill('[name=zone]', 'Asia/Kathmandu')
  assert.ok(await desk.locator('#zones option').count() > 300)
  await desk.getByRole('button', { name: 'Save' }).click()
  await desk.getByText('Your preferences were saved.').waitFor()
  assert.match(await desk.locator('[data-moment]').innerText(), /[AP]M GMT\+5:45/)
  assert.match(await desk.locator('.sessions time').first().getAttribute('title'), /[AP]M GMT\+5:45/)
  await accessible(desk, 'the dark theme')
  await picture(desk, 'account-dark')

  const plain = await look({ scripts: false }) // the server prints the same zone
  await signIn(plain, pia)
  await visit(plain, '/account')
  assert.equal(await plain.getAttribute('html', 'data-theme'), 'dark')
  assert.match(await plain.locator('.sessions time').first().getAttribute('title'), /[AP]M \+0545/)
  await plain.context().close()

  await desk.keyboard.press('Control+k')
  await desk.keyboard.type('light and dark')
  await desk.keyboard.press('Enter') // in this browser
  await desk.locator('html[data-theme=light]').waitFor()
  await desk.reload()
  assert.equal(await desk.getAttribute('html', 'data-theme'), 'light')
  assert.equal(await desk.inputValue('[name=theme]'), 'dark') // in others
  await desk.selectOption('[name=theme]', '')
  await desk.selectOption('[name=hours]', '')
  await desk.fill('[name=zone]', '')
  await desk.getByRole('button', { name: 'Save' }).click()
  await desk.getByText('Your preferences were saved.').waitFor()
  assert.equal(await desk.getAttribute('html', 'data-theme'), '')
  await fits(desk, 'the own account')
})
