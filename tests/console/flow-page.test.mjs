// The page of a flow and the list of flows: the picture by mouse, by fingers and by keyboard, what is laid over it, and the search of the
// list. It needs a history, so it has a server of its own.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'

let dir, server, desk, lib, failed, long
const authorization = 'Basic ' + btoa(`${process.env.PENSTOCK_ADMIN_USER}:${process.env.PENSTOCK_ADMIN_PASSWORD}`)

async function until(what, get) {
  for (const end = Date.now() + 20_000; Date.now() < end; await setTimeout(50)) {
    const value = await get()
    if (value) return value
  }
  assert.fail(`${what}: waited 20 s`)
}

async function api(method, path, body, type = 'application/json') {
  const answer = await fetch(lib.base + path, { method, body: typeof body === 'object' ? JSON.stringify(body) : body, headers: { Authorization: authorization, 'Content-Type': type } })
  return { status: answer.status, body: await answer.json().catch(() => null) }
}

async function deploy(text) {
  const answer = await api('PUT', '/v1/flows/' + /flow: (\d+)/.exec(text)[1], text, 'application/yaml')
  assert.ok(answer.status < 300, JSON.stringify(answer.body))
}

const branches = `flow: 71
slug: branches
name: Branches
tags: [crm, nightly]
trigger: webhook
steps:
  - name: check
    set: {seen: true}
  - name: look
    parallel:
      - branch: crm
        steps:
          - name: strict
            if: $event.bad == true
            fail: {message: "there is no such <b>person</b>", status: 404}
      - branch: gifts
        steps:
          - name: sum
            transform: '{sum: 3}'
  - name: choose
    switch:
      - when: .sum == 3
        steps: [{name: three, set: {b: 2}}]
      - else: [{name: none, set: {b: 3}}]
`

// large is a flow of 200 steps, nested five deep.
function large() {
  let n = 0
  const step = (pad, text) => `${pad}- name: s${++n}\n${pad}  ${text}\n`
  const nest = (pad, depth) => depth === 5
    ? step(pad, 'set: {a: 1}') + step(pad, 'set: {b: 1}')
    : step(pad, 'parallel:') + ['left', 'right'].map(side => `${pad}  - branch: ${side}-${depth}\n${pad}    steps:\n` +
      (side === 'left' ? nest(pad + '      ', depth + 1) : step(pad + '      ', 'set: {c: 1}'))).join('')
  let text = ''
  while (n < 200) text += n % 3 ? nest('  ', 1) : step('  ', 'set: {d: 1}')
  return `flow: 72\nslug: large\nname: Two hundred steps\ntags: [crm]\ntrigger: webhook\nsteps:\n${text}`
}

before(async () => {
  dir = await mkdtemp(tmpdir() + '/flow-page-')
  server = spawn(process.env.BINARY, ['dev', '--listen', '127.0.0.1:0', '--flows', 'flows', '--data', dir + '/data', '--history-delay', '0', '--ready-file', dir + '/url'], { stdio: 'ignore' })
  process.env.PENSTOCK_URL = (await until('a server', () => readFile(dir + '/url', 'utf8').catch(() => ''))).trim()
  lib = await import('./desk.mjs')
  await lib.open()
  await deploy(branches)
  await deploy(large())
  await deploy('flow: 73\nname: Export\ntags: [nightly]\ntrigger: {schedule: "0 3 * * *"}\nsteps: [{set: {a: 1}}]\n')
  for (let i = 0; i < 9; i++) await api('POST', '/v1/flows/71/runs', { id: i })
  failed = (await api('POST', '/v1/flows/71/runs', { bad: true })).body.run_id
  await api('POST', '/v1/flows/71/runs', {})
  long = (await api('POST', '/v1/flows/72/runs', {})).body.run_id
  await until('the history', async () => (await api('GET', '/v1/flows/71/stats?from=' + new Date(Date.now() - 3600e3).toISOString())).body.total?.runs === 11)
  desk = await lib.look({ audited: true })
  await lib.signIn(desk)
})

after(async () => {
  await lib?.close()
  server?.kill()
  if (dir) await rm(dir, { recursive: true, force: true, maxRetries: 5 })
})

const frame = page => page.locator('#picture')
const item = (page, name) => frame(page).getByRole('treeitem', { name })
const step = (page, path) => page.locator(`.fp-step[data-path="${path}"] > .box`)
const percent = page => page.locator('.fp-percent').textContent().then(parseFloat)
const scrolled = page => frame(page).evaluate(f => [f.scrollLeft, f.scrollTop])
const settled = page => page.getByText(/^valid/).waitFor() // the editor has drawn the picture, too

test('shows branches by their names, and works by mouse', async () => {
  await lib.visit(desk, '/flows/71')
  await settled(desk)
  assert.deepEqual(await desk.locator('.fp-name').allTextContents(), ['crm', 'gifts', 'when .sum == 3', 'else'])
  const at = await percent(desk)
  await desk.getByRole('button', { name: 'Larger' }).click()
  assert.ok(await percent(desk) > at)
  await desk.getByRole('button', { name: 'Fit' }).click()
  const [inner, outer] = await Promise.all([desk.locator('.fp').boundingBox(), frame(desk).boundingBox()])
  assert.ok(inner.height <= outer.height && inner.width <= outer.width, 'all of it is shown')
  await desk.getByRole('button', { name: /^Full size/ }).click()
  assert.equal(await percent(desk), 100)
  await frame(desk).hover()
  await desk.keyboard.down('Control')
  await desk.mouse.wheel(0, -60)
  await desk.keyboard.up('Control')
  await until('Ctrl and the wheel', async () => await percent(desk) > 100)
  await desk.locator('.fp-fold').first().click()
  assert.equal(await step(desk, 'look.1.strict').isVisible(), false)
  assert.equal(await item(desk, /^look parallel/).getAttribute('aria-expanded'), 'false')
  await desk.locator('.fp-fold').first().click()
  await desk.getByRole('button', { name: 'Fold', exact: true }).click()
  assert.equal(await desk.locator('.box:visible').count(), 4)
  await desk.getByRole('button', { name: 'Unfold' }).click()
  assert.equal(await desk.locator('.box:visible').count(), 8)
  await desk.locator('.fp-name', { hasText: 'else' }).click()
  assert.equal(await step(desk, 'choose.else.none').isVisible(), false)
  await step(desk, 'check').click()
  await desk.waitForFunction(() => document.activeElement.closest('.cm-editor') && document.querySelector('.cm-activeLine')?.textContent.includes('name: check'))
  lib.well(desk)
})

test('works by keyboard alone, as a tree', async () => {
  await lib.visit(desk, '/flows/71')
  await settled(desk)
  const focused = () => desk.evaluate(() => [...document.activeElement.children, document.activeElement].map(part => part.textContent.trim()).join(' '))
  const press = async (key, want) => {
    await desk.keyboard.press(key)
    assert.match(await focused(), want, key)
    await lib.visible(desk, `the picture after ${key}`)
  }
  await frame(desk).focus()
  for (const [key, grows] of [['+', true], ['-', false]]) {
    const before = await percent(desk)
    await desk.keyboard.press(key)
    assert.equal(await percent(desk) > before, grows, key)
  }
  await desk.keyboard.press('0')
  await desk.keyboard.press('1')
  assert.equal(await percent(desk), 100)
  await press('Tab', /^webhook trigger/)
  await press('ArrowDown', /^check set/)
  await press('ArrowDown', /^look parallel/)
  await press('ArrowRight', /^crm/)
  await press('ArrowDown', /^strict fail/)
  await press('ArrowLeft', /^crm/)
  await press('ArrowLeft', /^crm/)
  assert.equal(await item(desk, /^crm/).getAttribute('aria-expanded'), 'false')
  await press('ArrowDown', /^gifts/)
  await press('ArrowUp', /^crm/)
  await press('ArrowRight', /^crm/)
  assert.equal(await item(desk, /^crm/).getAttribute('aria-expanded'), 'true')
  await press('End', /^none set/)
  await press('Home', /^webhook/)
  await press('ArrowDown', /^check/)
  await desk.keyboard.press('Enter')
  await desk.waitForFunction(() => document.activeElement.closest('.cm-editor'))
  lib.well(desk)
})

test('keeps what is folded, the size and what is laid over while one types', async () => {
  await lib.visit(desk, '/flows/71?over=failed')
  await settled(desk)
  await desk.locator('.fp-fold').first().click()
  await desk.getByRole('button', { name: 'Larger' }).click()
  const size = await percent(desk)
  await desk.evaluate(() => {
    const field = document.querySelector('#source')
    field.value = field.value.replace('steps:\n', 'steps:\n  - {name: begin, set: {z: 1}}\n')
    field.dispatchEvent(new Event('filled'))
  })
  await step(desk, 'begin').waitFor()
  assert.equal(await step(desk, 'look.1.strict').isVisible(), false)
  assert.equal(await percent(desk), size)
  assert.match(await step(desk, 'look').getAttribute('class'), /is-failed/)
  await desk.getByRole('link', { name: '24 hours' }).click() // nothing that was typed is lost
  await step(desk, 'check').getByText(/×/).waitFor()
  assert.match(await desk.locator('.cm-content').textContent(), /name: begin/)
  await desk.evaluate(() => { window.onbeforeunload = null })
  lib.well(desk)
  desk.once('dialog', dialog => dialog.accept())
  await desk.goto(lib.base + '/console/')
})

test('lays runs over the picture', async () => {
  await lib.visit(desk, '/flows/71')
  await settled(desk)
  await desk.getByRole('link', { name: 'Last failed' }).click()
  await desk.locator('#over-facts').getByText('failed').waitFor()
  assert.match(await step(desk, 'look.1.strict').textContent(), /failed/)
  assert.match(await step(desk, 'choose').textContent(), /did not run/)
  assert.ok(await step(desk, 'look.1.strict').locator('.dot.is-failed').isVisible(), 'a sign beside the colour')
  assert.match(await step(desk, 'check').textContent(), /1 → 1/)
  await desk.waitForURL('**/flows/71?over=failed')
  await desk.getByRole('link', { name: '24 hours' }).focus()
  await desk.keyboard.press('Enter')
  await desk.locator('#over-facts').getByText('11 runs ended').waitFor()
  await step(desk, 'check').getByText(/11×/).waitFor()
  assert.equal(await desk.evaluate(() => document.activeElement.id), 'over-24h', 'the focus stays')
  assert.match(await step(desk, 'look.1.strict').textContent(), /1 failed/)
  assert.match(await step(desk, 'look.2.sum').textContent(), /not known/)
  assert.equal(await desk.getByRole('link', { name: '24 hours' }).getAttribute('aria-current'), 'true')
  const row = desk.locator('#figures [data-step="look.1.strict"]')
  assert.match(await row.textContent(), /there is no such <b>person<\/b>/)
  await desk.getByText('is not known').first().waitFor()
  await desk.reload()
  await desk.locator('#over-facts').getByText('11 runs ended').waitFor()
  await row.getByRole('link').click()
  await desk.waitForURL('**/runs/' + failed)
  await desk.getByRole('link', { name: 'on the picture of the flow' }).click()
  await item(desk, /^strict/).focus()
  await desk.keyboard.press('Enter')
  await desk.waitForURL('**/steps?step=look.1.strict')
  lib.well(desk)
})

test('shows a large flow', async t => {
  await lib.visit(desk, '/flows/72')
  await settled(desk)
  const boxes = await desk.locator('.box').count()
  assert.ok(boxes > 200, `${boxes} boxes`)
  const map = desk.locator('.fp-map')
  await map.waitFor()
  assert.ok(await percent(desk) >= 85, 'it begins at a size that can be read')
  const own = await map.boundingBox()
  const before = await scrolled(desk)
  await desk.mouse.click(own.x + own.width / 2, own.y + own.height * 0.8)
  assert.ok((await scrolled(desk))[1] > before[1] + 1000, 'a click on the map leads there')
  const place = await frame(desk).boundingBox()
  const from = await scrolled(desk)
  await desk.mouse.move(place.x + 60, place.y + 200)
  await desk.mouse.down()
  await desk.mouse.move(place.x + 90, place.y + 320, { steps: 4 })
  await desk.mouse.up()
  assert.ok((await scrolled(desk))[1] < from[1] - 100, 'the mouse drags it')
  assert.equal(await desk.evaluate(() => Boolean(document.activeElement.closest('.cm-editor'))), false, 'and opens nothing')
  await frame(desk).focus()
  const there = await scrolled(desk)
  await desk.keyboard.press('ArrowDown')
  await until('the arrow keys', async () => (await scrolled(desk))[1] > there[1])
  const took = await desk.evaluate(async () => {
    const times = []
    for (let i = 0; i < 20; i++) {
      const begun = performance.now()
      document.querySelector(i % 2 ? '[data-zoom=in]' : '[data-zoom=out]').click()
      document.querySelector('#picture').getBoundingClientRect()
      await new Promise(requestAnimationFrame)
      times.push(performance.now() - begun)
    }
    return times.sort((a, b) => a - b)
  })
  t.diagnostic(`${boxes} boxes: zooming takes ${took[10].toFixed(1)} ms, the slowest of 20 ${took[19].toFixed(1)} ms`)
  lib.well(desk)
})

test('is zoomed by two fingers', async () => {
  const page = await lib.look({ width: 390 })
  await lib.signIn(page)
  await lib.visit(page, '/flows/71')
  const session = await page.context().newCDPSession(page)
  await session.send('Emulation.setTouchEmulationEnabled', { enabled: true, maxTouchPoints: 2 })
  await frame(page).scrollIntoViewIfNeeded()
  const { x, y, width } = await frame(page).boundingBox()
  const before = await percent(page)
  const touch = (type, apart) => session.send('Input.dispatchTouchEvent', { type, touchPoints: type === 'touchEnd' ? [] : [{ x: x + width / 2 - apart, y: y + 150, id: 1 }, { x: x + width / 2 + apart, y: y + 150, id: 2 }] })
  await touch('touchStart', 40)
  for (const apart of [50, 60, 70]) await touch('touchMove', apart)
  await touch('touchEnd')
  await until('a pinch', async () => await percent(page) > before * 1.3)
  lib.well(page)
  await page.context().close()
})

test('lists flows by what is typed, by tags and in any order', async () => {
  await lib.visit(desk, '/flows')
  await desk.locator('#flow-text').focus()
  await desk.keyboard.type('crm bra')
  await desk.getByText('1 of 7 flows').waitFor()
  assert.equal(await desk.evaluate(() => document.activeElement.id), 'flow-text', 'the focus stays')
  await desk.waitForURL('**/flows?q=crm+bra')
  await desk.keyboard.press('Control+a')
  await desk.keyboard.press('Delete')
  await desk.getByText('7 flows', { exact: true }).waitFor()
  await desk.getByRole('link', { name: 'nightly 2' }).click()
  await desk.getByText('2 of 7 flows').waitFor()
  const rows = () => desk.locator('tbody .number').allTextContents()
  await desk.getByRole('columnheader', { name: 'Errors' }).getByRole('link').focus()
  await desk.keyboard.press('Enter')
  await desk.waitForURL('**sort=-errors*')
  assert.deepEqual(await rows(), ['71', '73'])
  await desk.getByRole('columnheader', { name: 'Next' }).getByRole('link').click()
  await desk.waitForURL('**sort=next*')
  assert.deepEqual(await rows(), ['73', '71'])
  const row = desk.locator('tr', { hasText: 'Branches' })
  assert.match(await row.locator('.c-errors').textContent(), /9\.1 %/)
  assert.match(await row.locator('.c-last').textContent(), /succeeded/)
  assert.match(await desk.locator('tr', { hasText: 'Export' }).locator('.c-next').textContent(), /in \d+/)
  lib.well(desk)
})

test('works without script', async () => {
  const page = await lib.look({ scripts: false })
  await lib.signIn(page)
  await lib.visit(page, '/flows/71')
  assert.equal(await page.locator('.box:visible').count(), 8)
  assert.equal(await page.getByRole('button', { name: 'Fit' }).count(), 0)
  await page.getByRole('link', { name: 'Last failed' }).click()
  assert.match(await step(page, 'look.1.strict').textContent(), /failed/)
  await lib.visit(page, '/flows')
  await page.fill('#flow-text', 'export')
  await page.press('#flow-text', 'Enter')
  await page.getByText('1 of 7 flows').waitFor()
  lib.well(page)
  await page.context().close()
})

test('reads well', { concurrency: true }, async t => {
  await Promise.all([1440, 390].map(width => t.test(`at ${width} px`, async () => {
    const page = await lib.look({ width, audited: true })
    await lib.signIn(page)
    for (const path of ['/flows/71?over=24h', `/runs/${failed}/picture`, '/flows?sort=-errors&tag=crm']) {
      await lib.visit(page, path)
      if (path.startsWith('/flows/')) await settled(page)
      await lib.readable(page, path, 'flow-page' + path.replace(failed, 'failed'))
    }
    await lib.visit(page, `/runs/${long}/picture`)
    await lib.fits(page, 'the picture of a large flow')
    await lib.picture(page, `flow-page-long-${width}`)
    if (width === 1440) await lib.accessible(page, 'the picture of a large flow')
    lib.well(page)
    await page.context().close()
  })))
})
