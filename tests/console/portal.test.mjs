// Walks through the developer portal: from the user that an administrator
// makes to a call by a client that a developer made, who is no administrator.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { base, close, look, open, readable, signIn, visible, visit, well } from './desk.mjs'

const dora = { user: 'dora', password: 'dora-has-a-password' }
const portal = base + '/developers'
let desk // where dora has signed in
let client // what she made: identifier, secret, assertion

const text = async download => (await (await download.createReadStream()).toArray()).join('')

async function enter(page) {
  await page.goto(portal + '/')
  await page.waitForURL('**/developers/signin')
  await page.fill('[name=user]', dora.user)
  await page.fill('[name=password]', dora.password)
  await page.click('button:has-text("Sign in")')
  await page.getByRole('heading', { name: 'APIs', exact: true }).waitFor()
}

// token asks for an access token as the page of Ansira says.
const token = scope => fetch(base + '/oauth/v2/oauth-token', {
  method: 'POST',
  headers: { Authorization: 'Basic ' + btoa(`${client.identifier}:${client.secret}`) },
  body: new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: client.assertion, ...scope && { scope } }),
})

const orders = token => fetch(base + '/shop/v1/orders?state=shipped', { headers: { Authorization: 'Bearer ' + token } })

before(open)
after(close)

test('an administrator makes a developer, and grants scopes', async () => {
  const page = await look()
  await signIn(page)
  await visit(page, '/access/users')
  await page.locator('summary').filter({ hasText: 'New user' }).click()
  await page.fill('[name=name]', dora.user)
  await page.fill('[name=password]', dora.password)
  await page.fill('[name=email]', 'dora@example.org')
  await page.check('[name=role][value=developer]')
  await page.uncheck('[name=role][value=viewer]')
  await page.check('[name=own_scope][value="orders:read"]')
  await page.check('[name=own_scope][value="orders:write"]')
  await page.getByRole('button', { name: 'Create user' }).click()
  await page.getByText('The user dora was created.').waitFor()
  well(page)
})

test('the developer sees what was granted, and nothing of the console', async () => {
  desk = await look()
  await enter(desk)
  await desk.getByText('From here to a call').waitFor()
  assert.deepEqual(await desk.locator('.operations code').allTextContents(), ['/shop/v1/orders', '/shop/v1/orders'])
  assert.equal((await desk.goto(base + '/console/flows')).url(), base + '/console/signin?to=%2Fconsole%2Fflows')
  await desk.fill('[name=user]', dora.user)
  await desk.fill('[name=password]', dora.password)
  await desk.click('button:has-text("Sign in")')
  await desk.getByRole('alert').filter({ hasText: 'no role in the console' }).waitFor()
  assert.equal((await desk.goto(portal + '/apis/hello')).status(), 404)
  well(desk)
})

test('reads about an operation, and tries it', async () => {
  await desk.goto(portal + '/')
  await desk.getByRole('link', { name: 'Orders', exact: true }).click()
  await desk.getByRole('link', { name: '/shop/v1/orders' }).first().click()
  await desk.getByRole('heading', { name: 'The orders of a shop' }).waitFor()
  await desk.getByLabel('state').selectOption('shipped')
  await desk.getByRole('button', { name: 'Call' }).click()
  await desk.locator('#answer h2').getByText('200 OK').waitFor()
  assert.deepEqual(JSON.parse(await desk.locator('#answer .answer').textContent()), [{ id: 7, sku: 'A-1', state: 'shipped' }])
  assert.match(await desk.locator('#in-curl').textContent(), /\/shop\/v1\/orders\?state=shipped'/)
  await desk.getByLabel('since').fill('tomorrow')
  await desk.getByRole('button', { name: 'Call' }).click()
  await desk.locator('#answer h2').getByText('400 Bad Request').waitFor()
  await desk.locator('#answer .answer').getByText('bad_parameter').first().waitFor()
  well(desk)
})

test('makes a client, and downloads its assertion and a token', async () => {
  await desk.goto(portal + '/clients')
  await desk.getByRole('link', { name: 'New API client' }).click()
  await desk.getByLabel('Client name').fill('Nightly export')
  await desk.check('[name=scope][value="orders:read"]')
  assert.equal(await desk.getByLabel('E-mail reminders').inputValue(), 'dora@example.org')
  await desk.getByRole('button', { name: 'Create client' }).click()
  await desk.getByText('Client secret (not shown again)').waitFor()
  client = {
    secret: await desk.locator('.once code').textContent(),
    identifier: await desk.locator('.account code').first().textContent(),
  }
  const download = async button => {
    const waiting = desk.waitForEvent('download')
    await desk.getByRole('button', { name: button }).click()
    return text(await waiting)
  }
  client.assertion = await download('Generate and download assertion')
  assert.equal((await orders(await download('Download an access token'))).status, 200)
  await desk.goto(portal + '/clients/' + client.identifier)
  assert.ok(!(await desk.content()).includes(client.secret), 'the secret is shown again')
  well(desk)
})

test('the client gets tokens and calls, within the grant as it is', async () => {
  const answer = await token()
  assert.equal(answer.status, 200)
  const { access_token, scope, token_type } = await answer.json()
  assert.deepEqual([scope, token_type], ['orders:read', 'bearer'])
  const called = await orders(access_token)
  assert.equal(called.status, 200)
  assert.deepEqual(await called.json(), [{ id: 7, sku: 'A-1', state: 'shipped' }])
  assert.equal((await token('orders:write')).status, 400)
  assert.equal((await fetch(base + '/v1/users', { headers: { Authorization: 'Bearer ' + access_token } })).status, 403)

  const grant = async scopes => assert.equal((await fetch(base + '/v1/users/dora', {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/json', Authorization: 'Basic ' + btoa(`${process.env.PENSTOCK_ADMIN_USER}:${process.env.PENSTOCK_ADMIN_PASSWORD}`) },
    body: JSON.stringify({ scopes }),
  })).status, 200)
  await grant(['orders:write'])
  assert.equal((await orders(access_token)).status, 403, 'a token outlives the grant')
  await grant(['orders:read', 'orders:write'])
  await enter(desk) // the narrower grant has ended the session
})

test('reads well at both widths and in both themes', async () => {
  for (const width of [1440, 390]) {
    const page = await look({ width, audited: true })
    await page.goto(portal + '/signin')
    await readable(page, 'the sign-in form of the portal', 'portal-signin')
    await enter(page)
    for (const [name, path] of Object.entries({
      apis: '/', api: '/apis/orders', changes: '/apis/orders/changes', list: '/apis/orders/orders_list', create: '/apis/orders/orders_create',
      clients: '/clients', 'new': '/clients/new', client: '/clients/' + client.identifier, nothing: '/apis/nothing',
    })) {
      await page.goto(portal + path)
      await readable(page, path, 'portal-' + name)
    }
    await page.goto(portal + '/apis/orders/orders_create')
    await page.getByRole('button', { name: 'Call' }).click()
    await page.locator('#answer h2').getByText('200 OK').waitFor()
    await page.getByText('Request and headers').click()
    await readable(page, 'an answer', 'portal-answer')
    well(page)
    await page.context().close()
  }
})

test('goes on by keyboard', async () => {
  await desk.goto(portal + '/')
  await desk.keyboard.press('g')
  await desk.keyboard.press('c')
  await desk.waitForURL(portal + '/clients')
  for (let i = 0; i < 12; i++) {
    await desk.keyboard.press('Tab')
    await visible(desk, desk.url())
  }
  well(desk)
})

test('works without scripts', async () => {
  const page = await look({ scripts: false })
  await enter(page)
  await page.getByRole('link', { name: 'Orders', exact: true }).click()
  await page.getByRole('link', { name: '/shop/v1/orders' }).first().click()
  await page.getByRole('button', { name: 'Call' }).click()
  await page.locator('#answer h2').getByText('200 OK').waitFor()
  await page.goto(portal + '/clients/' + client.identifier)
  await page.getByText('Delete this client').click()
  await page.getByRole('button', { name: 'Delete the client' }).click()
  await page.getByText('The client was deleted.').waitFor()
  assert.equal((await token()).status, 401)
})
