// The audit log: found by mouse and by keyboard, in both widths and themes; an entry with before and after; exports; the check of the chain.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { base, close, look, open, readable, root, signIn, visible, visit, well } from './desk.mjs'

const authorization = 'Basic ' + btoa(`${root.user}:${root.password}`)
let desk, phone

async function api(method, path, body, status) {
  const answer = await fetch(base + path, { method, body: body && JSON.stringify(body), headers: { Authorization: authorization, ...(body && { 'Content-Type': 'application/json' }) } })
  assert.ok(status ? answer.status === status : answer.ok, `${method} ${path}: ${answer.status}`)
  return answer
}

before(async () => {
  await open()
  await api('POST', '/v1/users', { name: 'audrey', password: 'four words are enough', roles: ['viewer'] })
  await api('PATCH', '/v1/users/audrey', { roles: ['viewer', 'operator'], first_name: '=1+1' })
  await api('PUT', '/v1/vars/audited', { value: 'one' })
  for (let i = 0; i < 60; i++) await api('PUT', '/v1/vars/audited', { value: `value ${i}` })
  await api('PUT', '/v1/secrets/audited', { value: 'the-planted-secret' })
  await fetch(base + '/v1/users', { headers: { Authorization: 'Basic ' + btoa('audrey:wrong') } })
  desk = await look({ audited: true })
  phone = await look({ width: 390, audited: true })
  await signIn(desk)
  await signIn(phone)
})
after(async () => {
  well(desk)
  well(phone)
  await close()
})

test('finds entries by who, what, on what and outcome', async () => {
  await visit(desk, '/access/audit')
  await desk.getByLabel('On what').selectOption('user')
  await desk.getByLabel('Its name or id').fill('audrey')
  await desk.getByRole('button', { name: 'Find' }).click()
  await desk.waitForURL('**kind=user**')
  assert.deepEqual(await desk.locator('.a-what a').allInnerTexts(), ['Showed a wrong credential: unauthorized', 'Changed a user', 'Made a user'])
  await readable(desk, 'the audit log, found', 'audit-found')
  await desk.getByLabel('Outcome').selectOption('refused')
  await desk.getByRole('button', { name: 'Find' }).click()
  await desk.waitForURL('**outcome=refused**')
  assert.deepEqual(await desk.locator('.a-who').allInnerTexts(), ['anonymous'])
  await desk.getByRole('link', { name: 'Show all' }).click()
  await desk.getByText(/ in all$/).waitFor()
})

test('goes through pages behind a cursor', async () => {
  await visit(desk, '/access/audit?kind=var')
  assert.equal(await desk.locator('.list.audit tbody tr').count(), 50)
  const first = await desk.locator('.a-what a').first().getAttribute('href')
  await desk.getByRole('link', { name: 'Older' }).click()
  await desk.waitForURL('**cursor=**')
  assert.equal(await desk.locator('.list.audit tbody tr').count(), 11)
  assert.equal(await desk.getByRole('link', { name: 'Older' }).count(), 0)
  await desk.getByRole('link', { name: 'Newest' }).click()
  await desk.waitForURL(url => !url.search.includes('cursor'))
  assert.equal(await desk.locator('.a-what a').first().getAttribute('href'), first)
})

test('shows before and after side by side, and no secret', async () => {
  await visit(desk, '/access/audit?kind=user&object=audrey&what=changeUser')
  await desk.getByRole('link', { name: 'Changed a user' }).click()
  const row = desk.locator('.audit-changes tr', { hasText: 'roles' })
  assert.equal(await row.locator('.was').innerText(), '["viewer"]')
  assert.equal(await row.locator('.is').innerText(), '["viewer","operator"]')
  await readable(desk, 'an entry of the audit log', 'audit-entry')
  await visit(phone, new URL(desk.url()).pathname.replace('/console', ''))
  await readable(phone, 'an entry of the audit log', 'audit-entry')
  await desk.getByRole('link', { name: 'all that was done to it' }).click()
  await desk.waitForURL('**object=audrey**')
  await visit(desk, '/access/audit?kind=secret&object=audited')
  await desk.getByRole('link', { name: 'Stored a secret' }).click()
  await desk.getByText('changed; its value is a secret').waitFor()
  assert.ok(!(await desk.content()).includes('planted'))
})

test('is found by keyboard alone', async () => {
  await visit(desk, '/access/audit')
  for (let i = 0; i < 60 && await desk.evaluate(() => document.activeElement.name) !== 'who'; i++) await desk.keyboard.press('Tab')
  await visible(desk, 'who')
  await desk.keyboard.type('anonymous')
  await desk.keyboard.press('Enter')
  await desk.waitForURL('**who=anonymous**')
  for (let i = 0; i < 80 && !(await desk.evaluate(() => document.activeElement.closest('.a-what'))); i++) await desk.keyboard.press('Tab')
  await visible(desk, 'the entry')
  await desk.keyboard.press('Enter')
  await desk.getByText('without a valid credential').or(desk.getByText('refused, answered with 401')).first().waitFor()
})

test('exports what is found, harmless for spreadsheets', async () => {
  await visit(desk, '/access/audit?kind=user&object=audrey')
  const saved = async name => {
    const [download] = await Promise.all([desk.waitForEvent('download'), desk.getByRole('link', { name }).click()])
    return readFile(await download.path(), 'utf8')
  }
  const lines = (await saved('Export as JSON lines')).trim().split('\n').map(line => JSON.parse(line))
  assert.deepEqual(lines.map(e => e.summary), ['Made a user', 'Changed a user', 'Showed a wrong credential: unauthorized'])
  const table = await saved('Export as CSV')
  assert.match(table, /^id,at,actor/)
  assert.doesNotMatch(table, /(^|,)[=+@-]/m)
})

test('verifies the chain', async () => {
  await visit(desk, '/access/audit')
  await desk.getByRole('link', { name: 'Verify the chain' }).click()
  await desk.getByRole('heading', { name: 'The audit log is as it was written' }).waitFor()
  await readable(desk, 'the check of the chain', 'audit-verify')
})

test('leads from a thing to its history, and fits a phone', async () => {
  await visit(desk, '/access/users/audrey')
  await desk.getByRole('link', { name: 'History' }).click()
  await desk.waitForURL('**kind=user**object=audrey**')
  assert.equal(await desk.locator('.list.audit tbody tr').count(), 3)
  await visit(phone, '/access/audit')
  await readable(phone, 'the audit log', 'audit')
  await visit(desk, '/access/audit')
  await readable(desk, 'the audit log', 'audit')
  await visit(phone, '/access/audit/verify')
  await readable(phone, 'the check of the chain', 'audit-verify')
})
