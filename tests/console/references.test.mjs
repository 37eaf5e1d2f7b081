// Secrets that are kept elsewhere: an administrator stores references by
// mouse and by keyboard, tests them, and sees what cannot be read.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { accessible, close, fits, inThemes, look, open, signIn, visit, well } from './desk.mjs'

const reference = 'env://PENSTOCK_SECRET_OF_THE_TEST'
const shots = process.env.SHOTS

before(open)
after(close)

async function picture(page, name) {
  if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true })
}

// examine looks at a page in both themes and two widths.
async function examine(page, name) {
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 900 })
    await inThemes(page, async theme => {
      await fits(page, `${name} at ${width}`)
      await accessible(page, `${name} at ${width}, ${theme}`)
      await picture(page, `${name}-${width}-${theme}`)
    })
  }
  await page.setViewportSize({ width: 1440, height: 900 })
}

test('a secret is stored as a reference and tested by mouse', async () => {
  const page = await look()
  await signIn(page)
  await visit(page, '/connections')
  const form = page.locator('form[action$="/secrets"]')
  await form.getByLabel('Name of the secret').fill('kept')
  await form.getByLabel('Reference to where the secret is kept').fill(reference)
  await form.getByRole('button', { name: 'Save' }).click()
  await page.getByText('The secret kept was saved').waitFor()
  await page.getByRole('button', { name: 'Test the secret kept' }).click()
  await page.getByText('kept can be read from where it is kept').waitFor()
  assert.ok(!(await page.content()).includes('the-value-that-nobody-sees'))
  await examine(page, 'secrets-by-reference')
  well(page)
})

test('what the rules do not allow is refused with its reason', async () => {
  const page = await look()
  await signIn(page)
  await visit(page, '/connections')
  const form = page.locator('form[action$="/secrets"]')
  await form.getByLabel('Name of the secret').fill('master')
  await form.getByLabel('Reference to where the secret is kept').fill('env://PENSTOCK_MASTER_KEY')
  await form.getByRole('button', { name: 'Save' }).click()
  await page.getByText('which the operator').first().waitFor()
  well(page)
})

test('a setting of a connection is a reference, by keyboard alone', async () => {
  const page = await look()
  await signIn(page)
  await visit(page, '/connections/new?type=bearer')
  const keys = page.keyboard
  await page.locator('[name=name]').focus()
  await keys.type('kept-bearer')
  await keys.press('Tab')
  await keys.type(new URL(process.env.PENSTOCK_URL).origin)
  await keys.press('Tab') // the token
  await keys.press('Tab') // Kept elsewhere
  await keys.press('Enter')
  await keys.press('Tab')
  await keys.type(reference)
  await keys.press('Enter')
  await page.getByText('The connection kept-bearer was saved').waitFor()
  assert.equal(await page.locator('[name="from.token"]').inputValue(), reference)
  await examine(page, 'connection-by-reference')
  await page.locator('[name=url]').fill(process.env.PENSTOCK_URL + '/readyz')
  await page.getByRole('button', { name: 'Test it' }).click()
  await page.getByText('the server answers 200 OK').waitFor()
  well(page)
})

test('a reference that cannot be read needs attention', async () => {
  const page = await look()
  await signIn(page)
  await visit(page, '/connections')
  const form = page.locator('form[action$="/secrets"]')
  await form.getByLabel('Name of the secret').fill('lost')
  await form.getByLabel('Reference to where the secret is kept').fill('env://PENSTOCK_SECRET_THAT_IS_LOST')
  await form.getByRole('button', { name: 'Save' }).click()
  await page.getByText('The secret lost was saved').waitFor()
  await page.getByRole('button', { name: 'Test the secret lost' }).click()
  await page.getByText('this process has no such environment variable').waitFor()
  await assert.doesNotReject(async () => {
    for (let tries = 0; ; tries++) { // the announcement of the process is renewed every 2 s
      await visit(page, '')
      if (await page.getByText('cannot be read from its store: env://PENSTOCK_SECRET_THAT_IS_LOST').count()) return
      if (tries === 40) throw new Error('nothing on the overview')
      await page.waitForTimeout(250)
    }
  })
  await examine(page, 'attention-for-references')
  well(page)
})
