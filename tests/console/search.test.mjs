// Looks for runs as an operator does who has to repair yesterday's failures. It needs a history, so it has a server of its own.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'

let dir, server, shop, desk, lib, well = false, runs = []
const authorization = 'Basic ' + btoa(`${process.env.PENSTOCK_ADMIN_USER}:${process.env.PENSTOCK_ADMIN_PASSWORD}`)

// until waits for a value.
async function until(what, get) {
  for (const end = Date.now() + 20_000; Date.now() < end; await setTimeout(100)) {
    const value = await get()
    if (value) return value
  }
  assert.fail(`${what}: waited 20 s`)
}

const api = async (method, path, body, type = 'application/json') => {
  const answer = await fetch(lib.base + path, { method, body: typeof body === 'object' ? JSON.stringify(body) : body, headers: { Authorization: authorization, 'Content-Type': type } })
  return { status: answer.status, body: await answer.json().catch(() => null) }
}

const total = async query => (await api('GET', '/v1/runs?' + new URLSearchParams(query))).body.total

// parcel starts a run of the flow and returns its id.
async function parcel(order, who) {
  const { body } = await api('POST', '/v1/flows/91/runs', { order, who })
  return body.run_id
}

before(async () => {
  dir = await mkdtemp(tmpdir() + '/search-')
  server = spawn(process.env.BINARY, ['dev', '--listen', '127.0.0.1:0', '--flows', 'flows', '--data', dir + '/data', '--history-delay', '0', '--ready-file', dir + '/url'], { stdio: 'ignore' })
  process.env.PENSTOCK_URL = (await until('a server', () => readFile(dir + '/url', 'utf8').catch(() => ''))).trim()
  shop = createServer((request, response) => response.writeHead(request.url === '/notify' && !well ? 503 : 204).end()).listen(0, '127.0.0.1')
  await until('a shop', () => shop.address())
  lib = await import('./desk.mjs')
  await lib.open()
  const at = `http://127.0.0.1:${shop.address().port}`
  const flow = `flow: 91
slug: parcels
name: Parcels
trigger: webhook
labels: {order: "\${ .order }", customer: "\${ .who }"}
steps:
  - name: charge
    http: {method: POST, url: ${at}/charge, json: {order: "\${ .order }"}}
  - name: notify
    http: {method: POST, url: ${at}/notify, json: {}}
`
  const deployed = await api('PUT', '/v1/flows/91', flow, 'application/yaml')
  assert.ok(deployed.status < 300, JSON.stringify(deployed.body))
  for (let i = 0; i < 60; i++) runs.push(await parcel(i, i % 2 ? 'zoe' : 'ann'))
  await until('the history', async () => await total({ search: 'zoe' }) === 30)
  desk = await lib.look()
  await lib.signIn(desk)
})
after(async () => {
  await lib.close()
  server.kill()
  shop.close()
  await new Promise(resolve => server.exitCode === null ? server.on('exit', resolve) : resolve())
  await rm(dir, { recursive: true, force: true })
})

const box = page => page.getByRole('combobox', { name: 'Search runs' })
const rows = page => page.locator('#runs tbody tr')

// look for types a text and waits for the answer.
async function find(page, text) {
  await box(page).fill(text)
  await box(page).press('Enter')
  await page.waitForURL(url => new URL(url).searchParams.get('filter') === (text || null))
}

test('finds a run by its id, from each page, by keyboard alone', async () => {
  await lib.visit(desk, '/flows')
  for (const part of [runs[3], runs[4].slice(24), '…' + runs[5].slice(24)]) {
    await desk.keyboard.press('/')
    await lib.visible(desk, 'the search box')
    await desk.keyboard.type(part)
    await desk.keyboard.press('Enter')
    await desk.waitForURL(url => url.pathname.endsWith(part.replace('…', '')))
  }
  lib.well(desk)
})

test('finds runs by words, labels, a flow and filters, and the address holds the search', async () => {
  await lib.visit(desk, '/runs')
  for (const [text, n] of Object.entries({ zoe: 30, 'zoe label.order:17': 1, parcels: 50, 'state:failed step:notify since:1d': 50, 'label.customer:zoe state:succeeded': 0 })) {
    await find(desk, text)
    await until(text, async () => await rows(desk).count() === Math.min(n, 50))
  }
  await desk.getByText('Widen the search').waitFor()
  await lib.accessible(desk, 'an empty answer')
  await desk.goBack()
  await until('the search before', async () => await box(desk).inputValue() === 'state:failed step:notify since:1d')
  await desk.getByText('Exactly 60 runs match').waitFor()
  await desk.getByText('looked at every run of this time, in Redis and in the history').waitFor()
  lib.well(desk)
})

test('completes names and values, and marks a mistake', async () => {
  await lib.visit(desk, '/runs')
  await box(desk).focus()
  await desk.keyboard.type('sta')
  await desk.getByRole('option', { name: 'state:' }).waitFor()
  await desk.keyboard.press('ArrowDown')
  await lib.accessible(desk, 'completions')
  await desk.keyboard.press('Enter')
  await desk.getByRole('option', { name: 'waiting' }).waitFor()
  await desk.keyboard.type('fai')
  await desk.keyboard.press('ArrowDown')
  await desk.keyboard.press('Tab')
  assert.equal(await box(desk).inputValue(), 'state:failed ')
  await desk.keyboard.type('flow:par')
  await desk.getByRole('option', { name: 'parcels' }).click()
  assert.equal(await box(desk).inputValue(), 'state:failed flow:parcels ')
  await desk.keyboard.press('Enter')
  await desk.getByText('Exactly 60 runs match').waitFor()
  await find(desk, 'state:faild')
  await desk.locator('mark').getByText('faild').waitFor()
  await desk.getByText('did you mean failed?').waitFor()
  await lib.accessible(desk, 'a mistake')
  lib.well(desk)
})

test('picks a time, a state and a trigger, and removes what is set', async () => {
  await lib.visit(desk, '/runs')
  await desk.getByText('any time', { exact: true }).first().click()
  await desk.getByRole('link', { name: 'last hour' }).click()
  await desk.getByText('any trigger').first().click()
  await desk.getByRole('link', { name: /^async/ }).click()
  await desk.getByRole('link', { name: 'failed', exact: true }).click()
  await desk.waitForURL(url => url.searchParams.get('filter') === 'since:1h trigger:async state:failed')
  await desk.getByRole('link', { name: 'Remove trigger async' }).click()
  await desk.waitForURL(url => url.searchParams.get('filter') === 'since:1h state:failed')
  await desk.getByText('last hour', { exact: true }).first().click()
  const zone = await desk.evaluate(() => Intl.DateTimeFormat().resolvedOptions().timeZone)
  await desk.locator('[data-zone]').getByText(zone).waitFor()
  await desk.getByLabel('Since').fill('2026-01-02T03:04')
  await desk.getByRole('button', { name: 'Show' }).first().click()
  await desk.waitForURL(url => /^state:failed since:2026-01-02T03:04(Z|[+-]\d\d:\d\d)$/.test(url.searchParams.get('filter')))
  lib.well(desk)
})

test('has labels as columns, in this browser', async () => {
  await lib.visit(desk, '/runs?filter=flow:parcels')
  await desk.getByText('Columns', { exact: true }).click()
  await desk.getByLabel('customer').check()
  await desk.getByRole('button', { name: 'Show' }).last().click()
  await desk.getByRole('columnheader', { name: 'customer' }).waitFor()
  await desk.getByRole('cell', { name: 'zoe' }).first().waitFor()
  await lib.visit(desk, '/runs')
  await desk.getByRole('columnheader', { name: 'customer' }).waitFor()
  lib.well(desk)
})

test('saves a search, shares it, and deletes it', async () => {
  await lib.visit(desk, '/runs?filter=zoe+state:failed')
  await desk.getByText('Saved searches').click()
  await desk.getByRole('link', { name: /^Failed today/ }).waitFor()
  await desk.getByLabel('Save this search as').fill('Failures of zoe')
  await desk.getByLabel('For all users').check()
  await desk.getByRole('button', { name: 'Save', exact: true }).click()
  await desk.getByText('was saved').waitFor()
  await desk.locator('summary').getByText('Failures of zoe').click()
  await lib.accessible(desk, 'saved searches')
  await desk.getByRole('button', { name: 'Delete the saved search Failures of zoe' }).click()
  await desk.getByRole('button', { name: 'Delete the search' }).click()
  await desk.getByText('was deleted').waitFor()
  lib.well(desk)
})

test('selects by keyboard and over pages, and shows the plan before anything happens', async () => {
  await lib.visit(desk, '/runs?filter=flow:parcels+state:failed')
  await desk.keyboard.press('j')
  await desk.keyboard.press('x')
  for (let i = 0; i < 3; i++) await desk.keyboard.press('j')
  await desk.keyboard.press('Shift+X')
  await desk.getByText('4 selected').waitFor()
  await rows(desk).nth(6).locator('[data-pick]').click({ modifiers: ['Shift'] })
  await desk.getByText('7 selected').waitFor()
  await desk.getByRole('link', { name: 'Next' }).click()
  await desk.waitForURL(url => url.searchParams.has('cursor') || url.searchParams.has('page'))
  await desk.getByText('7 selected, 7 on other pages').waitFor()
  await desk.getByLabel('Select all runs of this page').check()
  await desk.getByText('17 selected, 7 on other pages').waitFor()
  await lib.accessible(desk, 'selected runs')
  await desk.getByRole('button', { name: 'Replay…' }).click()
  await desk.getByRole('heading', { name: 'Replay 17 runs' }).waitFor()
  await desk.getByText('Effects would be repeated').waitFor()
  await desk.getByRole('row', { name: /charge.*17 runs/ }).waitFor()
  await lib.accessible(desk, 'the plan')
  assert.equal(await total({ filter: 'replay_of ne ""' }), 0, 'a plan changes nothing')
  lib.well(desk)
})

test('resumes all that match, with the plan before it', async () => {
  well = true
  await lib.visit(desk, '/runs?filter=label.customer:zoe+triage:open')
  await desk.getByLabel('Select all runs of this page').check()
  await desk.getByLabel('All 30 that match').check()
  await desk.getByRole('button', { name: 'Resume…' }).click()
  await desk.getByRole('heading', { name: 'Resume 30 runs' }).waitFor()
  await desk.getByRole('button', { name: 'Resume 30 runs' }).click()
  await desk.waitForURL('**/operations/*')
  await desk.getByText('30 of 30').first().waitFor({ timeout: 20_000 })
  assert.equal(await total({ filter: 'trigger eq "resume"' }), 30)
  await lib.visit(desk, '/runs?filter=label.customer:zoe+triage:open')
  await desk.getByText('Widen the search').waitFor()
  assert.ok(!await desk.evaluate(() => sessionStorage.getItem('penstock_picked')?.includes('-')), 'nothing stays selected')
  lib.well(desk)
})

test('leads from a failure to its runs and back', async () => {
  await lib.visit(desk, '/failures')
  await desk.getByRole('link', { name: /503/ }).first().click()
  await desk.getByRole('link', { name: 'All runs' }).click()
  await desk.getByText('Exactly 60 runs match').waitFor()
  await desk.getByText('These runs are of the failure').getByRole('link').first().click()
  await desk.getByText('Runs that are open…').click()
  await desk.getByRole('link', { name: 'Resolve all…' }).click()
  await desk.getByRole('heading', { name: 'Resolve 30 runs' }).waitFor()
  lib.well(desk)
})

test('does not move the list under the pointer, and announces newer runs', async () => {
  await lib.visit(desk, '/runs?filter=flow:parcels')
  await rows(desk).first().locator('[data-pick]').check()
  const newest = () => rows(desk).first().locator('code').textContent()
  const first = await newest()
  for (let i = 0; i < 3; i++) await parcel(100 + i, 'max')
  await desk.getByRole('link', { name: '3 newer runs' }).waitFor()
  assert.equal(await newest(), first)
  await lib.accessible(desk, 'newer runs')
  await desk.getByRole('link', { name: '3 newer runs' }).click()
  await until('the newer runs', async () => await newest() !== first)
  await desk.getByRole('button', { name: 'Select none' }).click()
  lib.well(desk)
})

test('reads well at both widths, in both themes', async () => {
  await Promise.all([1440, 390].map(async width => {
    const page = await lib.look({ width, audited: true })
    await lib.signIn(page)
    for (const [name, path] of Object.entries({ empty: '/runs?filter=state:cancelled+since:1h+zoe', list: '/runs?filter=flow:parcels+since:1d' })) {
      await lib.visit(page, path)
      if (name === 'list') for (const at of [0, 1]) await rows(page).nth(at).locator('[data-pick]').check()
      await lib.readable(page, path, 'search-' + name)
    }
    for (const menu of ['last day', 'Saved searches', 'Columns']) {
      await page.getByText(menu, { exact: true }).first().click()
      await lib.fits(page, menu)
      await lib.picture(page, `search-${menu}-${width}`)
      const pop = await page.locator('details[open] > .pop').boundingBox()
      assert.ok(pop.x >= 0 && pop.x + pop.width <= width, `${menu} is within the window`)
      await page.keyboard.press('Escape')
    }
    lib.well(page)
    await page.context().close()
  }))
})

test('works without the script', async () => {
  const page = await lib.look({ scripts: false })
  await lib.signIn(page)
  await lib.visit(page, '/runs')
  await page.getByLabel('Search runs').fill('zoe state:failed')
  await page.getByLabel('Search runs').press('Enter')
  await page.getByText('Exactly').waitFor()
  await rows(page).nth(0).locator('[data-pick]').check()
  await rows(page).nth(1).locator('[data-pick]').check()
  await page.getByRole('button', { name: 'Compare two' }).click()
  await page.getByRole('heading', { name: 'Two runs' }).waitFor()
  await page.goBack()
  await page.getByRole('button', { name: 'Ignore…' }).click()
  await page.getByRole('heading', { name: 'Ignore' }).waitFor()
  await page.context().close()
})
