// The second factor of users with a password: set up by mouse and by keyboard, asked for when they sign in and over a page, lost and removed.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { before, after, test } from 'node:test'
import { base, close, look, open, readable, root, signIn, visible, visit, well } from './desk.mjs'

const authorization = 'Basic ' + btoa(`${root.user}:${root.password}`)
const tia = { user: 'tia', password: 'four words are enough' }
let desk, key, recovery

async function api(method, path, body, as = authorization) {
  return fetch(base + path, { method, body: body && JSON.stringify(body), headers: { Authorization: as, ...(body && { 'Content-Type': 'application/json' }) } })
}

// code computes that of RFC 6238, some steps from now: each counts once, and three of them count at a time.
function code(secret, steps) {
  const bits = [...secret.replaceAll(' ', '')].map(c => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps))
  const mac = createHmac('sha1', Buffer.from(bits.match(/.{8}/g).map(b => parseInt(b, 2)))).update(counter).digest()
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

async function bothWidths(page, what, name) {
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 900 })
    await readable(page, what, name)
  }
  await page.setViewportSize({ width: 1440, height: 900 })
}

before(async () => {
  await open()
  assert.equal((await api('POST', '/v1/users', { name: tia.user, password: tia.password, roles: ['admin', 'api_user'] })).status, 201)
  desk = await look({ audited: true })
  await signIn(desk, tia)
})
after(async () => {
  well(desk)
  await close()
})

test('a user sets it up by mouse: the password, the key, one code, the recovery codes', async () => {
  await visit(desk, '/account')
  const card = desk.locator('section[aria-labelledby=factor]')
  await bothWidths(desk, 'the account without a second factor', 'totp-off')
  await card.locator('[name=factor_password]').fill('not the password')
  await card.getByRole('button', { name: 'Set up a second factor' }).click()
  await card.getByText('This is not your password.').waitFor()
  await card.locator('[name=factor_password]').fill(tia.password)
  await card.getByRole('button', { name: 'Set up a second factor' }).click()
  await card.getByRole('img', { name: 'QR code of the key below' }).waitFor()
  key = await card.locator('.totp-key code').textContent()
  await bothWidths(desk, 'the key', 'totp-key')
  await card.locator('[name=code]').fill('000000')
  await card.getByRole('button', { name: 'Turn on' }).click()
  await card.getByText('Check the clock of your phone').waitFor()
  assert.equal(await card.locator('.totp-key code').textContent(), key)
  await card.locator('[name=code]').fill(code(key, -1))
  await card.getByRole('button', { name: 'Turn on' }).click()
  await card.locator('.recovery').waitFor()
  recovery = await card.locator('.recovery code').allTextContents()
  assert.equal(recovery.length, 10)
  await bothWidths(desk, 'the recovery codes', 'totp-recovery')
  await visit(desk, '/account')
  assert.equal(await desk.locator('.recovery').count(), 0)
})

test('the password alone opens neither the console nor the API', async () => {
  const refused = await api('GET', '/v1/runs', undefined, 'Basic ' + btoa(`${tia.user}:${tia.password}`))
  assert.equal(refused.status, 401)
  assert.match(await refused.text(), /personal token/)
})

test('signs in by keyboard with a code, in both widths', async () => {
  const page = await look({ audited: true })
  await page.goto(base + '/console/signin?to=/console/flows')
  await page.keyboard.type(tia.user)
  await page.keyboard.press('Tab')
  await page.keyboard.type(tia.password)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Enter the code' }).waitFor()
  await visible(page, 'the code')
  await bothWidths(page, 'the code', 'totp-code')
  assert.equal((await page.request.get(base + '/console/session', { maxRedirects: 0 })).status(), 303)
  await page.keyboard.type('123456')
  await page.keyboard.press('Enter')
  await page.getByText('This code is wrong').waitFor()
  await page.keyboard.type(code(key, 0))
  await page.keyboard.press('Enter')
  await page.waitForURL(base + '/console/flows')
  await page.context().close()
})

test('signs in over a page whose session has ended, and what was typed is saved', async () => {
  const page = await look({ audited: true })
  await signIn(page, tia)
  await page.locator('[name=code]').fill(recovery[0])
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL(base + '/console/')
  await visit(page, '/account')
  await page.selectOption('[name=hours]', '24')
  await page.context().clearCookies({ name: 'penstock_session' })
  await page.locator('[data-save]').click()
  const dialog = page.locator('dialog#signin')
  await dialog.locator('[name=password]').fill(tia.password)
  await page.keyboard.press('Enter')
  await dialog.locator('[name=code]').waitFor()
  await dialog.locator('[name=code]').fill(recovery[1])
  await page.keyboard.press('Enter')
  await dialog.waitFor({ state: 'hidden' })
  await page.getByText('saved').first().waitFor()
  assert.equal(await page.inputValue('[name=hours]'), '24')
  well(page)
  await page.context().close()
})

test('an administrator removes it, and the user signs in with the password again', async () => {
  const page = await look({ audited: true })
  await signIn(page)
  await visit(page, '/access/users')
  await page.getByText('second factor').waitFor()
  await visit(page, '/access/users/tia')
  await bothWidths(page, 'the user', 'totp-user')
  await page.getByLabel('Remove the second factor').check()
  await page.locator('[data-save]').click()
  await page.waitForURL(base + '/console/access/users')
  assert.equal(await page.getByText('second factor').count(), 0)
  const again = await look()
  await signIn(again, tia)
  await again.waitForURL(base + '/console/')
  await again.context().close()
  well(page)
  await page.context().close()
})
