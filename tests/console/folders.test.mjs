// Folders of flows: an administrator gives a user rights in one, by mouse, and the user sees and does there what they permit, and nothing
// elsewhere; by keyboard, the user writes a flow in the folder.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { accessible, base, close, fits, inThemes, look, open, root, signIn, visit, well } from './desk.mjs'

const shots = process.env.SHOTS
const ann = { user: 'folder-ann', password: 'ann and her folder of flows' }
const asRoot = { Authorization: 'Basic ' + btoa(`${root.user}:${root.password}`), 'Content-Type': 'application/json' }

// api sends a request as the administrator.
async function api(method, path, body) {
  const answer = await fetch(base + path, { method, headers: typeof body === 'string' ? { ...asRoot, 'Content-Type': 'application/yaml' } : asRoot, body: typeof body === 'string' ? body : JSON.stringify(body) })
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`)
  return answer.json()
}

const flow = (number, folder) => `flow: ${number}\nname: Of ${folder}\nfolder: ${folder}\nsteps: [{set: {a: "\${ .name }"}}]\n`

const runs = {}

before(async () => {
  await open()
  await api('POST', '/v1/users', { name: ann.user, password: ann.password, groups: ['crm-team'] })
  for (const [number, folder] of [[901, 'crm'], [902, 'pay']]) {
    await api('PUT', `/v1/flows/${number}`, flow(number, folder))
    await api('POST', `/v1/flows/${number}/runs`, { name: `a customer of ${folder}` })
    runs[folder] = (await api('GET', `/v1/runs?filter=flow+eq+${number}`)).items[0].run_id
  }
})
after(close)

async function readable(page, what) {
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 900 })
    await inThemes(page, async theme => {
      await fits(page, `${what} at ${width}`)
      await accessible(page, `${what} at ${width}, ${theme}`)
      if (shots) await page.screenshot({ path: `${shots}/folders-${what.replaceAll(' ', '-')}-${width}-${theme}.png`, fullPage: true })
    })
  }
  await page.setViewportSize({ width: 1440, height: 900 })
}

test('an administrator gives a group rights in a folder, by mouse', async () => {
  const page = await look()
  await signIn(page)
  await visit(page, '/flows')
  await page.getByRole('link', { name: 'Folders', exact: true }).click()
  await page.getByRole('link', { name: 'crm', exact: true }).waitFor()
  await readable(page, 'the folders')
  await page.getByRole('link', { name: 'crm', exact: true }).click()
  const form = page.getByRole('form', { name: 'Give rights' })
  await form.getByLabel('To a').selectOption('group')
  await form.getByLabel('Name').fill('crm-team')
  for (const right of ['see', 'run', 'edit']) await form.locator(`[value=${right}]`).check()
  await form.getByRole('button', { name: 'Give rights' }).click()
  await page.getByText('The rights of group:crm-team in the folder crm were saved.').waitFor()
  await readable(page, 'a folder')
  well(page)
})

test('the user sees the folder, and nothing elsewhere', async () => {
  const page = await look()
  await signIn(page, ann)
  await page.waitForURL('**/console/flows') // the overview is of all flows
  await page.getByRole('link', { name: 'Of crm' }).waitFor()
  assert.equal(await page.getByText('Of pay').count(), 0)
  await readable(page, 'the flows of a user')
  for (const path of ['/flows/902', `/runs/${runs.pay}`]) assert.equal((await page.goto(base + '/console' + path)).status(), 404, path)
  for (const path of ['/access/users', '/connections', '/lines']) assert.equal((await page.goto(base + '/console' + path)).status(), 403, path)
  await visit(page, '/runs')
  await page.getByRole('link', { name: runs.crm.slice(-6) }).or(page.locator(`a[href$="${runs.crm}"]`)).first().waitFor()
  assert.equal(await page.locator(`a[href$="${runs.pay}"]`).count(), 0)
  await visit(page, `/runs/${runs.crm}`)
  await page.getByText('You may not see what the run contains').waitFor()
  assert.ok(!(await page.content()).includes('a customer of crm'), 'the page shows what the run contains')
  await readable(page, 'a run without what it contains')
  assert.equal((await page.goto(base + `/console/runs/${runs.crm}/event.json`)).status(), 403)
  well(page)
})

test('the user writes a flow in the folder, by keyboard', async () => {
  const page = await look()
  await signIn(page, ann)
  await visit(page, '/flows/new')
  const text = await page.locator('textarea[name=source]').inputValue()
  assert.match(text, /\nfolder: crm\n/)
  await page.keyboard.press('Control+s')
  await page.locator('#review[open] [data-confirm]').waitFor()
  await page.keyboard.press('Control+s')
  await page.waitForURL(/\/console\/flows\/\d+$/)
  await page.getByText('crm/').first().waitFor()
  well(page)
})

test('payloads are shown to who has the right', async () => {
  await api('PUT', '/v1/folders/crm', { grants: [{ to: 'group:crm-team', rights: ['see', 'payloads'] }] })
  const page = await look()
  await signIn(page, ann)
  await visit(page, `/runs/${runs.crm}`)
  await page.getByText('a customer of crm').first().waitFor()
  await visit(page, '/flows/901')
  assert.equal(await page.getByRole('button', { name: 'Deploy' }).count(), 0)
  well(page)
})
