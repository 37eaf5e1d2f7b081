// Nothing is lost or broken by one press, one reload or one large form; a page says once that the session has ended, and asks no more.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { base, close, fits, look, open, picture, readable, root, signIn, visit, well } from './desk.mjs'

const authorization = 'Basic ' + btoa(`${root.user}:${root.password}`)
const flow = second => `flow: 88\nslug: safe\nname: Safe\ntrigger: webhook\nsteps:\n  - set: {a: 1}\n  - set: {b: ${second}}\n`
let desk // where root has signed in

async function api(method, path, body, type = 'application/yaml') {
  const answer = await fetch(base + path, { method, body, headers: { Authorization: authorization, 'Content-Type': type } })
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${answer.ok ? '' : await answer.text()}`)
}
const text = page => page.evaluate(() => {
  document.dispatchEvent(new Event('penstock:sync'))
  return document.querySelector('textarea[data-editor]').value
})
const write = (page, value) => page.evaluate(value => {
  const field = document.querySelector('textarea[data-editor]')
  field.value = value
  field.dispatchEvent(new Event('filled'))
  field.dispatchEvent(new Event('input', { bubbles: true }))
}, value)

before(async () => {
  await open()
  await api('PUT', '/v1/flows/88', flow(2))
  await api('PUT', '/v1/secrets/safe_secret', JSON.stringify({ value: 'x' }), 'application/json')
  desk = await look()
  await signIn(desk)
})
after(close)

test('offers what was typed on the page of a merge after a reload', async () => {
  const page = desk
  await visit(page, '/flows/88')
  await page.locator('.cm-content').waitFor()
  await api('PUT', '/v1/flows/88', flow(30))
  await write(page, flow(31))
  await page.locator('#kept').filter({ hasText: /^draft kept/ }).waitFor()
  await page.keyboard.press('Control+s')
  await page.locator('#review[open] [data-confirm]').click()
  await page.getByText('1 conflict with another version; not saved yet').waitFor()
  await page.locator('.cm-content').click()
  await page.keyboard.press('Control+End')
  await page.keyboard.type('# more after the conflict')
  await page.waitForFunction(() => Object.values(localStorage).some(draft => draft.includes('# more after the conflict')))

  page.on('dialog', dialog => dialog.accept())
  await page.reload()
  await page.locator('.cm-content').waitFor()
  assert.ok(!(await text(page)).includes('# more'), 'the browser sends the form again')
  await page.locator('#draft').getByText(/^A draft of/).first().waitFor()
  await page.goto(base + '/console/flows/88') // both are offered there
  await page.locator('.cm-content').waitFor()
  assert.equal(await page.locator('#draft').getByText(/^A draft of/).count(), 2)
  await readable(page, 'two drafts', 'drafts')
  await page.locator('#draft > div').nth(1).getByRole('button', { name: 'Restore' }).click()
  assert.ok((await text(page)).includes('# more after the conflict'))
  await page.evaluate(() => localStorage.clear())
  await visit(page, '/')
  await page.evaluate(() => localStorage.clear())
  well(page)
})

test('keeps a form that is too large', async () => {
  const page = desk
  await visit(page, '/flows/88/try')
  await page.locator('.cm-content').waitFor()
  await write(page, '"' + '\u{1F600}'.repeat(700_000) + '"')
  await page.getByRole('button', { name: /^Run/ }).first().click()
  await page.locator('#trouble').getByText('too large to be sent').waitFor()
  assert.equal((await text(page)).length, 1_400_002)
  await page.goto('about:blank')
  well(page)
})

test('asks before a secret is deleted, or its value is replaced', async () => {
  const page = desk
  await visit(page, '/connections')
  await page.fill('[aria-label="Name of the secret"]', 'safe_secret')
  await page.fill('[aria-label="Value of the secret"]', 'another')
  const form = page.locator('form[action$="/secrets"]')
  await form.getByRole('button', { name: 'Save' }).click()
  await page.locator('#trouble').getByText('No flow uses it').waitFor()
  assert.equal(await page.inputValue('[aria-label="Value of the secret"]'), 'another')
  await picture(page, 'replace-secret')
  await form.getByLabel('Replace').check()
  await form.getByRole('button', { name: 'Save' }).click()
  await page.getByText('The secret safe_secret has the new value.').waitFor()
  await page.getByRole('button', { name: 'Delete the secret safe_secret' }).click()
  await page.getByRole('heading', { name: 'Delete the secret safe_secret?' }).waitFor()
  await readable(page, 'the question before a secret is deleted', 'question')
  await page.getByRole('button', { name: 'Delete the secret' }).click()
  await page.getByText('The secret safe_secret was deleted.').waitFor()
  well(page)
})

test('asks before a flow is switched off, and shows that it is', async () => {
  for (const width of [1440, 390]) {
    const page = await look({ width })
    await signIn(page)
    await visit(page, '/flows')
    await fits(page, 'the list of flows')
    await picture(page, `flows-${width}`)
    assert.ok(await page.getByRole('switch', { name: 'Runs of Safe begin' }).isVisible())
    await page.getByRole('switch', { name: 'Own triggers of Safe' }).click()
    await page.getByRole('heading', { name: 'Switch off the triggers of Safe?' }).waitFor()
    await page.getByRole('button', { name: 'Switch off' }).click()
    await page.getByText('The triggers of Safe are off.').waitFor()
    await visit(page, '/flows/88/deliveries')
    await page.getByText('Switched off', { exact: true }).waitFor()
    await fits(page, 'a flow that is switched off')
    await picture(page, `off-${width}`)
    await page.getByRole('button', { name: 'Switch on' }).click()
    await page.getByText('The triggers of Safe are on.').waitFor()
    well(page)
    await page.context().close()
  }
})

test('asks no more when the session has ended, and says so once', async () => {
  const page = await look()
  await signIn(page)
  await visit(page, '/')
  await page.context().clearCookies({ name: 'penstock_session' })
  await page.locator('#ended').waitFor()
  let asked = 0
  page.on('request', request => { if (request.url().endsWith('/console/overview')) asked++ })
  await page.waitForResponse(answer => answer.url().endsWith('/console/health') && answer.status() === 401)
  await page.waitForFunction(() => document.querySelector('#health')?.dataset.said === 'ended')
  assert.equal(asked, 0)
  assert.equal(await page.getByText('Your session has ended').count(), 1)
  await page.context().close()
})
