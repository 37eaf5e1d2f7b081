// Looks at what arrives at a webhook, as the author of its flow does.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { base, close, look, open, readable, root, signIn, visit, well } from './desk.mjs'

const authorization = 'Basic ' + btoa(`${root.user}:${root.password}`)
const secret = 'the secret of this webhook'
let desk

const api = async (method, path, body, type = 'application/json') => {
  const answer = await fetch(base + path, { method, body, headers: { Authorization: authorization, 'Content-Type': type } })
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`)
  return answer
}

const deliver = (body, key = secret) => fetch(base + '/hooks/issues', {
  method: 'POST', body,
  headers: { 'Content-Type': 'application/json', 'X-GitHub-Event': 'issues', 'X-Hub-Signature-256': 'sha256=' + createHmac('sha256', key).update(body).digest('hex') },
})

// arrived waits until the flow has n deliveries.
async function arrived(n) {
  for (const end = Date.now() + 10_000; Date.now() < end; await setTimeout(100)) {
    if ((await (await api('GET', '/v1/flows/issues/deliveries')).json()).total === n) return
  }
  assert.fail(`${n} deliveries have not arrived`)
}

before(async () => {
  await open()
  await api('PUT', '/v1/secrets/issues_webhook', JSON.stringify({ value: secret }))
  await api('PUT', '/v1/flows/90', `flow: 90
slug: issues
name: Issues
trigger: {webhook: {verify: {scheme: github, secret: issues_webhook}, headers: [x-github-event]}}
steps: [{set: {title: "\${ .issue.title }"}}]
`, 'application/yaml')
  desk = await look()
  await signIn(desk)
})
after(close)

test('shows what arrives, and why it is rejected', async () => {
  await visit(desk, '/flows/issues/deliveries')
  await desk.getByText('Nothing has arrived yet').waitFor()
  await desk.getByRole('button', { name: 'Record for an hour' }).click()
  await desk.getByText('Headers and bodies are recorded').waitFor()
  assert.equal((await deliver('{"issue":{"title":"It leaks","access_token":"abcdef"}}')).status, 200)
  assert.equal((await deliver('{"issue":{"title":"It drips"}}', secret + '\n')).status, 401)
  assert.equal((await deliver('{"issue":{"title":"It leaks"}}', 'another')).status, 401)
  await arrived(3)
  await desk.getByText('the stored secret lacks a line end').waitFor()
  await desk.getByText('the secret is another one').waitFor()
  well(desk)
})

test('shows a delivery, redelivers it and makes a test of it', async () => {
  await desk.getByRole('link', { name: 'Delivery 1', exact: true }).click()
  await desk.getByRole('heading', { name: 'Delivery 1' }).waitFor()
  await desk.getByText('It leaks').first().waitFor()
  assert.ok(!(await desk.content()).includes('abcdef'), 'a token is shown')
  await desk.getByText('output: [{"title":"It leaks"}]').waitFor()
  await desk.getByRole('link', { name: 'Try it', exact: true }).click()
  await desk.locator('.cm-editor').getByText('It leaks').waitFor()
  await visit(desk, '/flows/issues/deliveries/1')
  await desk.getByRole('link', { name: 'Redeliver', exact: true }).click()
  await desk.getByRole('button', { name: 'Run it again' }).click()
  await desk.waitForURL('**/console/runs/*')
  await desk.getByText('succeeded').first().waitFor()
  well(desk)
})

test('captures what an unknown sender sends', async () => {
  await visit(desk, '/flows')
  await desk.getByRole('button', { name: 'Capture a webhook' }).click()
  await desk.getByText('Nothing has come yet').waitFor()
  const url = await desk.locator('.copyable code').first().textContent()
  await fetch(url, { method: 'POST', body: '{"a":1}', headers: { 'Content-Type': 'application/json', 'Stripe-Signature': 't=1795953600,v1=' + '5f'.repeat(32) } })
  await desk.getByText('scheme: stripe').waitFor()
  await desk.getByText('v1=*** (64 bytes)').waitFor()
  well(desk)
})

test('is readable on each screen in both themes', async () => {
  const capture = new URL(desk.url()).pathname.replace('/console', '')
  for (const width of [1440, 390]) {
    const page = await look({ width, audited: true })
    await signIn(page)
    for (const path of ['/flows/issues/deliveries', '/flows/issues/deliveries/1', '/flows/issues/deliveries/2', capture]) {
      await visit(page, path)
      await readable(page, path, 'hooks' + path.replace(capture, '/capture'))
    }
    well(page)
    await page.context().close()
  }
})

test('ends a capture and a recording', async () => {
  await desk.getByRole('button', { name: 'End and delete' }).click()
  await desk.getByText('The capture has ended').waitFor()
  await visit(desk, '/flows/issues/deliveries')
  await desk.getByRole('button', { name: 'Stop and delete' }).click()
  await desk.getByText('Headers and bodies are not recorded').waitFor()
  await visit(desk, '/flows/issues/deliveries/1')
  await desk.getByText('are not kept').waitFor()
  well(desk)
})
