// Nothing that is typed is lost: leaving, drafts, Escape, the end of a session, the saves of others, the review, and large files.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { accessible, base, call, close, fits, look, open, picture, readable, root, signIn, visible, visit, well } from './desk.mjs'

const authorization = 'Basic ' + btoa(`${root.user}:${root.password}`)
const tess = { user: 'tess', password: 'tess-has-a-password' }
let desk // where root has signed in

// flow is the text of flow 80, with a line for each value.
const flow = (values, name = 'Typed') => `flow: 80\nslug: typed\nname: ${name}\ntrigger: webhook\nsteps:\n` + values.map((v, i) => `  - set: {v${i}: ${v}}\n`).join('')
const start = flow([1, 2, 3, 4, 5, 6])

async function api(method, path, body, headers) {
  const answer = await fetch(base + path, { method, body, headers: { Authorization: authorization, ...headers } })
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${answer.ok ? '' : await answer.text()}`)
  return answer.status === 204 ? null : answer.json()
}
const deploy = (text, message = '') => api('PUT', `/v1/flows/${/flow: (\d+)/.exec(text)[1]}?message=${encodeURIComponent(message)}`, text, { 'Content-Type': 'application/yaml' })

// edit opens the editor of flow 80, with the cursor at the end of the text.
async function edit(page, path = '/flows/80') {
  await visit(page, path)
  await page.locator('.cm-content').click()
  await page.keyboard.press('Control+End')
}

const text = page => page.evaluate(() => {
  document.dispatchEvent(new Event('penstock:sync'))
  return document.querySelector('textarea[data-editor]').value
})

// write puts a text into the editor.
const write = (page, value) => page.evaluate(value => {
  const field = document.querySelector('textarea[data-editor]')
  field.value = value
  field.dispatchEvent(new Event('filled'))
  field.dispatchEvent(new Event('input', { bubbles: true }))
}, value)

// questions answers what the page asks before it is left, and counts it.
function questions(page, stay = () => true) {
  const asked = []
  const answer = async dialog => {
    asked.push(dialog.type())
    if (stay()) await dialog.dismiss()
    else await dialog.accept()
  }
  page.on('dialog', answer)
  return { asked, end: () => page.off('dialog', answer) }
}

const drafts = page => page.evaluate(() => Object.entries(localStorage).filter(([key]) => key.startsWith('penstock.draft:')))
const kept = page => page.locator('#kept').filter({ hasText: /^draft kept/ }).waitFor()
const expire = page => page.context().clearCookies({ name: 'penstock_session' })

before(async () => {
  await open()
  await api('POST', '/v1/users', JSON.stringify({ name: tess.user, password: tess.password, roles: ['admin'] }), { 'Content-Type': 'application/json' })
  await deploy(start, 'the first one')
  desk = await look()
  await signIn(desk)
})
after(close)

test('asks before unsaved changes are left, and not when they are sent', async () => {
  const page = desk
  let staying = true
  const { asked, end } = questions(page, () => staying)
  await edit(page)
  await page.locator('nav[aria-label=Main] a[data-go=r]').click()
  await page.waitForURL('**/runs')
  assert.deepEqual(asked, [], 'nothing is typed')

  await edit(page)
  await page.keyboard.type('# typed')
  await page.locator('nav[aria-label=Main] a[data-go=r]').click({ noWaitAfter: true })
  await page.waitForFunction(() => true)
  for (let i = 0; i < 50 && !asked.length; i++) await page.evaluate(() => new Promise(requestAnimationFrame))
  assert.deepEqual(asked, ['beforeunload'])
  assert.ok((await text(page)).endsWith('# typed'), 'it is still there')
  staying = false
  await page.locator('nav[aria-label=Main] a[data-go=r]').click()
  await page.waitForURL('**/runs')

  // Forms: what is typed counts, what is sent does not.
  for (const [path, name] of [['/connections/new?type=basic', 'name'], ['/access/users/tess', 'first_name'], ['/flows/80/call', 'event']]) {
    asked.length = 0
    await visit(page, path)
    await page.locator(`[name=${name}]:visible`).first().fill('{"typed": 1}')
    await page.locator('nav[aria-label=Main] a[data-go=o]').click()
    await page.waitForURL('**/console/')
    assert.deepEqual(asked, ['beforeunload'], path)
  }
  const run = await call(80, { a: 1 })
  for (const path of ['/flows/80/try', `/runs/${run}/replay`]) {
    asked.length = 0
    await visit(page, path)
    await page.locator('.cm-content').click()
    await page.keyboard.type(' ')
    await page.locator('nav[aria-label=Main] a[data-go=o]').click()
    await page.waitForURL('**/console/')
    assert.deepEqual(asked, ['beforeunload'], path)
  }
  asked.length = 0
  await visit(page, '/connections/new?type=basic')
  for (const [name, value] of [['name', 'typed'], ['hosts', 'crm.example.org'], ['setting.username', 'u']]) await page.fill(`[name="${name}"]`, value)
  await page.fill('[name="setting.password"]', 'never-in-a-draft')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('The connection typed was saved').waitFor()
  assert.deepEqual(asked, [], 'sending does not ask')
  assert.ok(!JSON.stringify(await drafts(page)).includes('never-in-a-draft'), 'no draft is of a connection')
  await page.evaluate(() => localStorage.clear())
  end()
  well(page)
})

test('keeps a form whose values are refused', async () => {
  await visit(desk, '/connections/new?type=basic')
  await desk.fill('[name=name]', 'typed')
  await desk.fill('[name=hosts]', 'crm.example.org')
  await desk.fill('[name="setting.username"]', 'somebody')
  await desk.fill('[name="setting.password"]', 'p')
  await desk.getByRole('button', { name: 'Save' }).click()
  await desk.locator('#trouble').getByText('There is one of that name already').waitFor()
  assert.equal(await desk.inputValue('[name="setting.username"]'), 'somebody')
  well(desk)
})

test('keeps drafts, offers them, and removes them', async () => {
  const page = desk
  await edit(page)
  await page.keyboard.type('# a draft')
  await kept(page)
  await visit(page, '/flows/80') // left without saving
  const offer = page.locator('#draft')
  await offer.getByText(/^A draft of .*, based on version [0-9a-f]{8}$/).waitFor()
  await offer.getByRole('button', { name: 'Compare' }).click()
  await offer.locator('tr.come').getByText('# a draft').waitFor()
  await readable(page, 'a draft that is offered', 'draft')
  await offer.getByRole('button', { name: 'Discard' }).click()
  await offer.waitFor({ state: 'hidden' })
  assert.deepEqual(await drafts(page), [])

  await edit(page)
  await page.keyboard.type('# another')
  await kept(page)
  await visit(page, '/flows/80')
  await page.getByRole('button', { name: 'Restore' }).focus()
  await page.keyboard.press('Enter')
  assert.ok((await text(page)).endsWith('# another'))
  await page.locator('.cm-content').getByText('# another').waitFor()
  await page.keyboard.press('Control+s')
  await page.locator('#review[open] [data-confirm]').waitFor()
  await page.keyboard.press('Control+s')
  await page.getByText('Saved. New runs use version').waitFor()
  assert.deepEqual(await drafts(page), [], 'a draft that was saved')
  assert.equal(await page.locator('#draft').isVisible(), false)

  // A new flow has a draft, too, until it is there.
  await visit(page, '/flows/new')
  await page.locator('.cm-content').waitFor()
  await write(page, 'flow: 82\nsteps: [{set: {a: 1}}]\n')
  await kept(page)
  await visit(page, '/flows/new')
  await page.getByRole('button', { name: 'Restore' }).click()
  await page.getByRole('button', { name: 'Deploy' }).click()
  await page.locator('#review').getByText('A new flow of 3 lines').waitFor()
  await page.locator('#review [data-confirm]').click()
  await page.waitForURL('**/flows/82')
  await page.locator('.cm-content').waitFor()
  assert.deepEqual(await drafts(page), [], 'the draft of a flow that is deployed')

  // Of another user nothing is offered, and signing out removes one's own.
  await edit(page)
  await page.keyboard.type('# mine')
  await kept(page)
  await visit(page, '/')
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  assert.deepEqual(await drafts(page), [])
  await signIn(page)
  await page.evaluate(() => {
    const draft = { text: 'x', base: 'b', at: Date.now() }
    localStorage.setItem('penstock.draft:tess:80:a', JSON.stringify(draft))
    localStorage.setItem('penstock.draft:root:80:b', JSON.stringify({ ...draft, at: Date.now() - 8 * 86400_000 }))
  })
  await visit(page, '/flows/80')
  await page.locator('.cm-content').waitFor()
  assert.equal(await page.locator('#draft').isVisible(), false)
  assert.deepEqual((await drafts(page)).map(([key]) => key), ['penstock.draft:tess:80:a'], 'what is too old is gone')
  await page.evaluate(() => localStorage.clear())
  well(page)
})

test('keeps what is typed after Escape', async () => {
  const page = desk
  const { asked, end } = questions(page)
  await edit(page)
  await page.keyboard.press('Escape')
  await page.keyboard.type('# gr t jk ?/')
  assert.ok((await text(page)).endsWith('# gr t jk ?/'))
  assert.equal(await page.locator('dialog[open]').count(), 0)
  await visible(page, 'the editor after Escape')
  end()

  await visit(page, '/access/users/tess')
  await page.locator('[name=first_name]').focus()
  await page.keyboard.press('Escape')
  await page.keyboard.type('gr')
  assert.equal(await page.inputValue('[name=first_name]'), 'gr')

  await visit(page, '/runs') // behind a dialog there are no shortcuts
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor()
  await page.keyboard.type('gf')
  assert.equal(new URL(page.url()).pathname, '/console/runs')
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor()
  await page.keyboard.press('Escape')
  assert.deepEqual(asked, [])
  well(page)
})

test('signs in over the page, and goes on', async () => {
  const page = await look()
  await signIn(page)
  await edit(page)
  await page.keyboard.type('# over the page')
  await expire(page)

  // What the page does by itself asks with a bar, which takes no key that is typed.
  await page.keyboard.type(', still typing')
  const bar = page.locator('#ended')
  await bar.getByText('Your session has ended').waitFor()
  await page.keyboard.type(' on')
  assert.ok((await text(page)).endsWith('# over the page, still typing on'))

  // What a person does asks with a dialog, and is done after it.
  await page.keyboard.press('Control+s')
  const dialog = page.getByRole('dialog', { name: 'Sign in again' })
  await dialog.waitFor()
  assert.equal(await dialog.locator('[name=user]').inputValue(), root.user)
  await page.waitForFunction(() => document.activeElement.name === 'password')
  await page.keyboard.type('wrong')
  await page.keyboard.press('Enter')
  await dialog.getByText('The name or the password is wrong').waitFor()
  await readable(page, 'signing in over a page', 'sign-in-over')
  await page.waitForFunction(() => document.activeElement.name === 'password')
  await page.keyboard.type(root.password)
  await page.keyboard.press('Enter')
  await page.locator('#review[open] [data-confirm]').waitFor()
  await bar.waitFor({ state: 'detached' })
  await expire(page) // once more, before a form of the browser
  await page.keyboard.press('Control+s')
  await dialog.locator('[name=password]').fill(root.password)
  await page.keyboard.press('Enter')
  await page.getByText('Saved. New runs use version').waitFor()
  assert.ok((await text(page)).endsWith('# over the page, still typing on'))

  // Another session of the same user, from another window: its token is taken silently.
  const other = await page.context().newPage()
  await expire(page)
  await signIn(other)
  await other.close()
  await edit(page)
  await page.keyboard.type('\n# from a new session')
  await expire(page)
  const window = await page.context().newPage()
  await signIn(window)
  await window.close()
  await page.keyboard.press('Control+s')
  await page.locator('#review[open] [data-confirm]').click()
  await page.getByText('Saved. New runs use version').waitFor()
  well(page)
  await page.context().close()
})

test('tells that the session has ended on pages that refresh by themselves', async () => {
  const page = await look()
  await signIn(page)
  await visit(page, '/')
  await expire(page)
  const bar = page.locator('#ended')
  await bar.getByRole('button', { name: 'Sign in' }).click()
  await page.locator('#signin [name=password]').fill(root.password)
  await page.keyboard.press('Enter')
  await bar.waitFor({ state: 'detached' })
  await page.waitForResponse(answer => answer.url().endsWith('/console/overview') && answer.ok()) // it refreshes again
  well(page)
  await page.context().close()
})

test('sends a form that its live part has replaced meanwhile', async () => {
  const page = desk
  await visit(page, '/flows/80')
  await page.route('**/console/session', async route => {
    await page.evaluate(() => {
      const form = document.querySelector('form[action$="/paused"]')
      form.replaceWith(form.cloneNode(true))
    })
    await route.continue()
  })
  await page.getByRole('button', { name: 'Pause' }).click()
  await page.getByRole('button', { name: 'Resume' }).click()
  await page.getByRole('button', { name: 'Pause' }).waitFor()
  await page.unroute('**/console/session')
  well(page)
})

test('does not hand a page to another user without saying so', async () => {
  const page = await look({ width: 390 })
  await signIn(page)
  await visit(page, '/connections/new?type=basic')
  for (const [name, value] of [['name', 'handed'], ['hosts', 'crm.example.org'], ['setting.username', 'u'], ['setting.password', 'p']]) await page.fill(`[name="${name}"]`, value)
  await expire(page)
  await page.getByRole('button', { name: 'Save' }).click()
  const dialog = page.locator('#signin')
  await dialog.locator('[name=user]').fill(tess.user)
  await dialog.locator('[name=password]').fill(tess.password)
  await dialog.getByRole('button', { name: 'Sign in' }).click()
  await dialog.getByText('This page was opened by root').waitFor()
  await readable(page, 'a page of another user', 'sign-in-other')
  await dialog.getByRole('button', { name: 'Not now' }).click()
  await dialog.waitFor({ state: 'hidden' })
  assert.equal(await page.inputValue('[name="setting.username"]'), 'u', 'nothing was sent')
  await page.getByRole('button', { name: 'Save' }).click()
  await dialog.getByRole('button', { name: 'Go on as tess' }).click()
  await page.getByText('The connection handed was saved').waitFor()
  const audit = await api('GET', '/v1/audit?page_size=1&filter=' + encodeURIComponent('object eq "handed"'))
  assert.equal(audit.items[0].actor, 'user:tess')
  well(page)
  await page.context().close()
})

test('reviews before it deploys', async () => {
  const page = desk
  await deploy(start)
  await edit(page)
  await write(page, start + '  - http: {get: "https://erp.example.org", connection: not-there}\n')
  await page.getByRole('button', { name: 'Save and deploy' }).click()
  const review = page.getByRole('dialog', { name: 'Review before deploying' })
  await review.locator('tr.come').first().waitFor()
  await review.getByText('Not on the server yet').waitFor()
  await review.getByRole('textbox').fill('typed before')
  await page.keyboard.press('Escape')
  await review.waitFor({ state: 'hidden' })
  await page.waitForFunction(() => document.activeElement.matches('.cm-content')) // one goes on typing

  await write(page, flow([1, 2, 3, 4, 5, 7]) + 'tests:\n  - {name: "it fails", output: []}\n')
  await page.locator('.cm-content').click()
  await page.keyboard.press('Control+s')
  await review.getByText('1 of 1 test fails').waitFor()
  await review.getByText(/run|Rehears/i).first().waitFor()
  await readable(page, 'the review', 'review')
  await page.keyboard.press('Tab')
  await visible(page, 'the review')
  assert.equal(await review.getByRole('textbox').inputValue(), 'typed before')
  await review.getByRole('textbox').fill('seven in place of six')
  await page.keyboard.press('Enter')
  await page.getByText('Saved. New runs use version').waitFor()
  await visit(page, '/flows/80/versions')
  await page.getByText('seven in place of six').waitFor()
  await page.getByText('by root').first().waitFor()
  await picture(page, 'versions')

  // Twice at once is for those who are sure, if nothing speaks against it.
  await edit(page)
  await write(page, flow([1, 2, 3, 4, 5, 8]))
  await page.evaluate(() => {
    for (let i = 0; i < 2; i++) document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 's', ctrlKey: true, bubbles: true, cancelable: true }))
  })
  await page.getByText('Saved. New runs use version').waitFor()
  assert.ok((await text(page)).includes('v5: 8'))
  well(page)
})

test('merges with what somebody else has saved', async () => {
  const page = await look()
  await signIn(page)
  await deploy(start)
  await edit(page)
  await page.keyboard.type('# mine, at the end\n')
  await page.keyboard.press('Control+s')
  await page.locator('#review[open] [data-confirm]').waitFor()
  await deploy(flow([1, 2, 3, 4, 5, 6], 'Renamed'), 'a better name') // while the review is open
  await page.keyboard.press('Control+s')
  await page.getByText('Merged with another version; not saved yet').waitFor()
  await page.locator('.merge').getByText('a better name').waitFor()
  const merged = await text(page)
  assert.ok(merged.includes('name: Renamed') && merged.endsWith('# mine, at the end\n'))
  await picture(page, 'merge')

  // The same lines: a conflict, which is marked and is not saved.
  const { asked, end } = questions(page, () => false)
  await deploy(flow([1, 2, 30, 4, 5, 6], 'Renamed'))
  await write(page, merged.replace('v2: 3}', 'v2: 31}'))
  await page.keyboard.press('Control+s')
  await page.locator('#review').getByText('Another version was deployed').waitFor()
  await page.keyboard.press('Control+s')
  await page.getByText('1 conflict with another version; not saved yet').waitFor()
  await page.locator('.cm-line.conflict-mine').waitFor()
  await page.locator('.cm-line.conflict-theirs').waitFor()
  await readable(page, 'a conflict', 'conflict')
  await page.locator('.sides').getByText('v2: 30').waitFor()
  await page.keyboard.press('Control+s')
  await page.locator('#review').getByText('begins a conflict').waitFor()
  await page.keyboard.press('Escape')
  await page.waitForFunction(() => document.activeElement.matches('.cm-content')) // the review gives the focus back once it is closed
  await page.getByRole('button', { name: /^Keep mine/ }).focus()
  await page.keyboard.press('Enter')
  await page.getByText('No conflict is left.').waitFor()
  assert.ok((await text(page)).includes('v2: 31}') && !(await text(page)).includes('v2: 30}'))
  await page.keyboard.press('Control+s')
  await page.locator('#review[open] [data-confirm]').waitFor()
  await page.keyboard.press('Control+s')
  await page.getByText('Saved. New runs use version').waitFor()
  assert.deepEqual(asked, [], 'sending never asked')
  end()
  well(page)

  const small = await look({ width: 390 })
  await signIn(small)
  await deploy(start)
  await edit(small)
  await small.keyboard.type('# small')
  await deploy(start.replace('Typed', 'Small'))
  await small.getByRole('button', { name: 'Save and deploy' }).click()
  await small.locator('#review [data-confirm]').click()
  await small.locator('.merge').waitFor()
  await readable(small, 'a merge on a small screen', 'merge')
  await small.getByRole('button', { name: 'Save and deploy' }).click()
  await small.locator('#review [data-confirm]').waitFor()
  await readable(small, 'the review on a small screen', 'review')
  well(small)
  await small.context().close()
  await page.context().close()
})

test('reviews and merges without scripts', async () => {
  const page = await look({ scripts: false })
  await signIn(page)
  await deploy(start)
  await visit(page, '/flows/80')
  await page.fill('[name=source]', start + '# by hand\n')
  await page.getByRole('button', { name: 'Save and deploy' }).click()
  await page.getByText('Changes to the current version').waitFor()
  await page.getByRole('button', { name: 'Back to the text' }).click()
  assert.ok((await page.inputValue('[name=source]')).endsWith('# by hand\n'))
  await page.getByRole('button', { name: 'Save and deploy' }).click()
  await page.fill('[name=message]', 'by hand')
  await page.getByRole('button', { name: 'Deploy now' }).click()
  await page.getByText('Saved. New runs use version').waitFor()
  await page.context().close()
})

test('finds and replaces', async () => {
  const page = desk
  await deploy(start)
  await edit(page)
  await page.keyboard.press('Control+f')
  const panel = page.locator('.cm-search')
  await panel.waitFor()
  await accessible(page, 'find and replace')
  await picture(page, 'find-and-replace')
  await panel.locator('input[name=search]').fill('set')
  await panel.locator('input[name=replace]').fill('put')
  await panel.getByRole('button', { name: 'replace all' }).click()
  assert.equal((await text(page)).match(/put: /g).length, 6)
  await page.keyboard.press('Escape')
  await panel.waitFor({ state: 'detached' })
  await page.keyboard.press('Control+z')
  assert.equal(await text(page), start)
  await page.setViewportSize({ width: 390, height: 800 })
  await page.keyboard.press('Control+f')
  await panel.waitFor()
  await fits(page, 'find and replace')
  await picture(page, 'find-and-replace-390')
  await page.setViewportSize({ width: 1440, height: 900 })
  well(page)
})

test('runs with Ctrl-Enter, and saves with Ctrl-S only', async () => {
  const page = desk
  await visit(page, '/flows/80/try')
  await page.locator('.cm-content').click()
  const before = await text(page)
  await page.keyboard.press('Control+Enter')
  await page.locator('#result').getByText('succeeded').waitFor()
  assert.equal(await text(page), before, 'no line is added')

  await edit(page)
  const typed = await text(page)
  await page.keyboard.press('Control+Enter')
  await page.waitForURL('**/flows/80/try')
  await edit(page)
  await page.keyboard.type('# not deployed')
  await page.keyboard.press('Control+Enter')
  await page.locator('#trouble').getByText('Try it runs the deployed version').waitFor()
  assert.equal(await text(page), typed + '# not deployed')
  await page.evaluate(() => localStorage.clear())
  well(page)
})

// keystrokes types into the middle of the text and returns the times from a key to the next picture, in ms.
async function keystrokes(page, n) {
  await page.evaluate(() => {
    window.took = []
    document.addEventListener('keydown', () => {
      const begun = performance.now()
      requestAnimationFrame(() => { const channel = new MessageChannel(); channel.port1.onmessage = () => window.took.push(performance.now() - begun); channel.port2.postMessage(0) })
    }, true)
  })
  for (let i = 0; i < n; i++) await page.keyboard.press('x', { delay: 20 })
  await page.waitForFunction(n => window.took.length >= n, n)
  return page.evaluate(() => window.took.sort((a, b) => a - b))
}

test('types in large files as in small ones', async t => {
  const page = await look()
  await signIn(page)
  for (const lines of [20, 500, 2000]) {
    await deploy('flow: 81\nslug: large\ntrigger: webhook\nsteps:\n' + Array.from({ length: lines / 5 }, (_, i) => `  - name: s${i}\n    set:\n      a: ${i}\n      b: "\${ .a }"\n      c: text\n`).join(''))
    const checks = []
    const count = request => { if (request.url().endsWith('/flows/check')) checks.push(request) }
    page.on('request', count)
    const first = page.waitForResponse('**/flows/check')
    await edit(page, '/flows/81')
    await (await first).finished()
    await page.locator('#checked').getByText('valid').waitFor()
    await page.evaluate(() => { document.querySelector('#picture .fp').dataset.same = 'yes' })
    await page.keyboard.type('#')
    checks.length = 0
    const checked = page.waitForResponse('**/flows/check')
    const took = await keystrokes(page, 30)
    await (await checked).finished()
    t.diagnostic(`${lines} lines: from a key to the picture ${took[15].toFixed(1)} ms, the slowest of 30 ${took[29].toFixed(1)} ms, ${checks.length} checks`)
    assert.ok(checks.length <= 3, `${checks.length} checks while 30 keys were typed`)
    assert.ok(await page.evaluate(() => document.querySelector('#picture .fp').dataset.same === 'yes'), 'the picture did not change, and is the same')
    page.off('request', count)
    assert.ok((await text(page)).endsWith('#' + 'x'.repeat(30)))
    await page.evaluate(() => localStorage.clear())
  }
  well(page)
  await page.context().close()
})
