// Personal tokens on the own page: made and copied by mouse and by keyboard,
// used at the API, revoked.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { accessible, close, fits, inThemes, look, open, signIn, visit, well } from './desk.mjs'

const shots = process.env.SHOTS

before(open)
after(close)

const tries = async (path, token) => (await fetch(process.env.PENSTOCK_URL + path, { headers: { Authorization: `Bearer ${token}` } })).status

test('a token is made, used and revoked', async () => {
  const page = await look()
  await signIn(page)
  await visit(page, '/account')
  const keys = page.keyboard
  await page.getByLabel('What it is for').or(page.locator('form[action$="/account/tokens"] [name=name]')).first().focus()
  await keys.type('laptop')
  await keys.press('Tab')
  await keys.type('7')
  await page.getByRole('button', { name: 'Make the token' }).click()
  await page.getByText('This is the new token').waitFor()
  const token = (await page.content()).match(/pstpat_[0-9A-Za-z]{38}/)[0]
  await page.getByText('in 7d').or(page.getByText('in 6d')).first().waitFor()
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 900 })
    await inThemes(page, async theme => {
      await fits(page, `the account at ${width}`)
      await accessible(page, `the account at ${width}, ${theme}`)
      if (shots) await page.screenshot({ path: `${shots}/tokens-${width}-${theme}.png`, fullPage: true })
    })
  }
  await page.setViewportSize({ width: 1440, height: 900 })
  assert.equal(await tries('/v1/flows', token), 200)
  assert.equal(await tries('/v1/secrets', token), 403) // not among the scopes that are chosen at first
  await visit(page, '/account')
  assert.ok(!(await page.content()).includes(token), 'the page shows the token again')
  await page.getByRole('button', { name: 'Revoke the token laptop' }).focus()
  await keys.press('Enter')
  await page.getByText('The token was revoked').waitFor()
  assert.equal(await tries('/v1/flows', token), 401)
  well(page)
})
