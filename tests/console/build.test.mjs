// The Build view: a person who knows no YAML makes a flow from an empty page, by mouse and by keyboard, deploys it and gets its answer.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { holdProperty } from './edits.mjs'
import { base, close, fits, look, open, readable, root, signIn, visible, visit, well } from './desk.mjs'

const authorization = 'Basic ' + btoa(`${root.user}:${root.password}`)
let desk, crm, people, asked

// A CRM that finds people by their address, creates and updates them.
async function startCRM() {
  people = new Map()
  asked = []
  crm = createServer((request, response) => {
    let body = ''
    request.on('data', part => { body += part })
    request.on('end', () => {
      const url = new URL(request.url, 'http://crm')
      asked.push(`${request.method} ${url.pathname}`)
      const answer = (status, value) => { response.writeHead(status, { 'Content-Type': 'application/json' }); response.end(JSON.stringify(value)) }
      if (request.method === 'GET') return answer(200, { people: [people.get(url.searchParams.get('email'))].filter(Boolean) })
      const sent = JSON.parse(body), email = request.method === 'PUT' ? decodeURIComponent(url.pathname.split('/').pop()) : sent.email
      const person = { ...people.get(email), ...sent, email, id: people.get(email)?.id ?? people.size + 1 }
      people.set(email, person)
      answer(request.method === 'POST' ? 201 : 200, person)
    })
  }).listen(0, '127.0.0.1')
  await once(crm, 'listening')
  crm.url = `http://127.0.0.1:${crm.address().port}`
}

before(async () => {
  await open()
  await startCRM()
  desk = await look({ audited: true })
  await signIn(desk)
})
after(async () => {
  crm.closeAllConnections()
  crm.close()
  await close()
})

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

const checked = (page, what) => page.locator('#checked').filter({ hasText: what }).waitFor()

// form sends the form of a website to a flow.
async function form(flow, fields) {
  const answer = await fetch(`${base}/hooks/${flow}`, { method: 'POST', body: new URLSearchParams(fields) })
  return { status: answer.status, body: await answer.json() }
}

// deploy deploys a text over the API, and opens it in the Build view.
async function deploy(page, source) {
  const number = /^flow: (\d+)/m.exec(source)[1]
  const answer = await fetch(`${base}/v1/flows/${number}`, { method: 'PUT', body: source, headers: { Authorization: authorization, 'Content-Type': 'application/yaml' } })
  assert.ok(answer.ok, await answer.text())
  await visit(page, `/flows/${number}`)
  await page.getByRole('button', { name: 'Build', exact: true }).click()
  await page.getByRole('tree').waitFor()
}

const row = (page, name) => page.locator('#build').getByRole('treeitem', { name })
const field = (page, name) => page.locator('#build').getByLabel(name, { exact: true })

// answers checks what the built flow does.
async function answers(flow, email) {
  const first = await form(flow, { email, first: 'Ann' })
  assert.deepEqual(first, { status: 200, body: { person: { email, first: 'Ann', id: people.size } } })
  const again = await form(flow, { email, first: 'Anna' })
  assert.deepEqual(again, { status: 200, body: { person: { email, first: 'Anna', id: people.size } } })
  assert.deepEqual(asked.splice(0), ['GET /people', 'POST /people', 'GET /people', `PUT /people/${email}`].map(line => decodeURIComponent(line)))
}

test('by mouse: a form, a look-up, a branch, create or update, an answer', async t => {
  const page = desk
  const begun = Date.now()
  let clicks = 0, keys = 0
  const click = async target => { clicks++; await target.click() }
  const type = async (target, value) => { await click(target); keys += value.length; await page.keyboard.type(value) }
  const choose = async (target, value) => { clicks += 2; await target.selectOption(value) }
  const build = page.locator('#build')
  const add = async (target, title) => { await click(target); await click(page.locator('dialog [role=option]').filter({ has: page.locator('.what', { hasText: title }) }).first()) }
  const pick = async (label, path) => { await click(build.getByRole('button', { name: `Pick a value for ${label}`, exact: true })); await click(page.locator('.picker [role=option]').filter({ has: page.getByText(path, { exact: true }) })) }
  const addField = async (group, name) => { await type(build.getByLabel(`Name of a new field of ${group}`, { exact: true }), name); await click(build.getByRole('group', { name: group, exact: true }).getByRole('button', { name: 'Add', exact: true })) }
  const adding = n => build.getByRole('treeitem', { name: '+ Add a step' }).nth(n)

  await visit(page, '/flows')
  await click(page.getByRole('link', { name: 'New flow' }))
  await build.getByRole('heading', { name: 'When does it run?' }).waitFor()
  await readable(page, 'the beginning of a flow', 'build-start')
  await click(build.getByRole('button', { name: /^A form on a website is sent/ }))
  const number = await page.evaluate(() => /flow: (\d+)/.exec(document.querySelector('.cm-content').textContent)[1])
  for (const name of ['email', 'first']) {
    await type(field(page, 'Name of a new field'), name)
    await click(build.getByRole('button', { name: 'Add a field' }))
  }
  await click(build.getByLabel('needed').first())

  await add(adding(0), 'Call an HTTP API')
  await click(field(page, 'Name'))
  await page.keyboard.press('Control+A')
  keys += 5
  await page.keyboard.type('find')
  await type(field(page, 'URL'), crm.url + '/people')
  await addField('Query parameters of the URL', 'email')
  await pick('Value of email', '$event.email')
  await readable(page, 'the form of a step', 'build-step')

  await add(adding(0), 'Branch: if, else')
  await click(row(page, /^If/))
  await pick('Condition', '$steps.find.body')
  keys += '.people'.length
  await page.keyboard.type('.people')
  await choose(field(page, 'Comparison'), 'is empty')

  await add(adding(0), 'Call an HTTP API') // within the branch
  await choose(field(page, 'Method'), 'post')
  await type(field(page, 'URL'), crm.url + '/people')
  for (const name of ['email', 'first']) {
    await addField('JSON body', name)
    await pick(`Value of ${name}`, `$event.${name}`)
  }
  await add(adding(1), 'Call an HTTP API') // within else
  await choose(field(page, 'Method'), 'put')
  await type(field(page, 'URL'), crm.url + '/people/')
  await pick('URL', '$event.email')
  await addField('JSON body', 'first')
  await pick('Value of first', '$event.first')

  await click(row(page, /^Answer/))
  await click(build.getByRole('button', { name: 'Add an answer' }))
  await addField('JSON body', 'person')
  await pick('Value of person', '.body')
  await readable(page, 'a built flow', 'build-whole')
  await checked(page, 'valid')

  await click(page.getByRole('button', { name: 'Deploy', exact: true }))
  await click(page.getByRole('button', { name: /^Deploy/ }).last())
  await page.waitForURL(url => url.pathname.endsWith('/flows/' + number))
  await answers(number, 'ann@example.org')
  t.diagnostic(`${clicks} clicks, ${keys} keys, ${((Date.now() - begun) / 1000).toFixed(1)} s`)
  assert.ok(clicks <= 90 && keys <= 200, `${clicks} clicks, ${keys} keys`)

  // The data of the last run is what is picked from now.
  await visit(page, '/flows/' + number)
  await page.getByRole('button', { name: 'Build', exact: true }).click()
  await row(page, /^find/).click()
  await build.getByRole('button', { name: 'Pick a value for Value of email' }).click()
  const option = page.locator('.picker [role=option]', { hasText: '$event.email' }).first()
  await option.getByText('ann@example.org').waitFor()
  await page.getByText('did not record what its steps put out').waitFor()
  await page.keyboard.press('Escape')
  await build.locator('output.value', { hasText: '= "ann@example.org"' }).first().waitFor()
  well(page)
})

test('by keyboard alone: the same', async t => {
  const page = desk
  const begun = Date.now()
  let keys = 0
  const press = async (...all) => { for (const key of all) { keys++; await page.keyboard.press(key) } }
  const type = async value => { keys += value.length; await page.keyboard.type(value) }
  const focused = () => page.evaluate(() => {
    const at = document.activeElement
    const labelled = at.getAttribute('aria-labelledby') && document.getElementById(at.getAttribute('aria-labelledby'))
    return (at.getAttribute('aria-label') ?? labelled?.textContent ?? at.labels?.[0]?.textContent ?? at.textContent).trim()
  })
  // to presses a key until the focus is on an element of that name.
  const to = async (name, key = 'Tab') => {
    for (let i = 0; i < 60; i++) {
      if (name.test(await focused())) return visible(page, String(name))
      await press(key)
    }
    assert.fail(`no ${name} by ${key}: ${await focused()}`)
  }
  // pick opens the picker of the field with the focus, and takes a path.
  const pick = async path => {
    await press('Alt+ArrowDown')
    await page.locator('.picker [role=option]').first().waitFor()
    for (let i = 0; i < 60; i++) {
      if (await page.locator('.picker [aria-selected=true] code').textContent() === path) return press('Enter')
      await press('ArrowDown')
    }
    assert.fail(`no ${path} in the picker`)
  }
  const add = async words => {
    await press('+')
    await type(words)
    await press('Enter')
    await page.locator('#build .step-form h3').waitFor()
  }
  const method = async name => { // of the step that was added: the focus is in its URL
    await to(/^Method/, 'Shift+Tab')
    await type(name)
    await to(/^URL/)
  }

  await visit(page, '/flows/new')
  await page.locator('#build').getByRole('heading', { name: 'When does it run?' }).waitFor()
  await to(/^A form on a website/)
  await press('Enter')
  const number = await page.evaluate(() => /flow: (\d+)/.exec(document.querySelector('.cm-content').textContent)[1])
  for (const name of ['email', 'first']) { await type(name); await press('Enter') }
  await press('Escape')
  await add('http')
  await type(crm.url + '/people')
  await to(/^Name of a new field of Query/)
  await type('email')
  await press('Enter')
  await pick('$event.email')
  await press('Escape')
  await add('branch')
  await press('Escape', 'ArrowDown', 'Enter')
  await pick('$steps.http.body')
  await type('.people')
  await to(/^Comparison/)
  await press('ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowDown')
  await press('Escape')
  await add('http')
  await method('POST')
  await type(crm.url + '/people')
  for (const name of ['email', 'first']) {
    await to(/^Name of a new field of JSON/)
    await type(name)
    await press('Enter')
    await pick(`$event.${name}`)
  }
  await press('Escape')
  await to(/^Else/, 'ArrowDown')
  await add('http')
  await method('PUT')
  await type(crm.url + '/people/')
  await pick('$event.email')
  await to(/^Name of a new field of JSON/)
  await type('first')
  await press('Enter')
  await pick('$event.first')
  await press('Escape')
  await to(/^Answer/, 'ArrowDown')
  await press('Enter', 'Enter') // to its button, and press it
  await to(/^Name of a new field of JSON/)
  await type('person')
  await press('Enter')
  await pick('.body')
  await checked(page, 'valid')
  await press('Control+s')
  await page.locator('dialog#review[open] [name=message]').waitFor()
  await press('Control+s')
  await page.waitForURL(url => url.pathname.endsWith('/flows/' + number))
  await answers(number, 'bob@example.org')
  t.diagnostic(`${keys} keys, ${((Date.now() - begun) / 1000).toFixed(1)} s`)
  assert.ok(keys <= 700, `${keys} keys`)
  well(page)
})

// The flows of the examples, the cookbook and the documentation.
async function allFlows() {
  const top = new URL('../../', import.meta.url)
  const found = []
  for (const dir of ['flows/examples/', 'flows/cookbook/', 'examples/own-kind/', 'examples/people-api/', 'tests/console/flows/']) {
    for (const name of await readdir(new URL(dir, top))) if (name.endsWith('.yaml')) found.push([dir + name, await readFile(new URL(dir + name, top), 'utf8')])
  }
  for (const name of await readdir(new URL('docs/', top))) {
    if (!name.endsWith('.md')) continue
    if (name === 'flow-problems.md') continue // its examples are of mistakes
    const page = await readFile(new URL('docs/' + name, top), 'utf8')
    for (const [i, block] of [...page.matchAll(/^```yaml\n([^]*?)^```/gm)].entries()) if (/^steps:/m.test(block[1])) found.push([`docs/${name} block ${i + 1}`, block[1]])
  }
  return found
}

test('every edit keeps what it does not touch, and has an inverse', async t => {
  await visit(desk, '/flows')
  const sources = await allFlows()
  assert.ok(sources.length > 60, `${sources.length} flows`)
  const { faults, counts } = await desk.evaluate(holdProperty, { sources, every: 9 })
  t.diagnostic(`${sources.length} flows: ${JSON.stringify(counts)}`)
  assert.deepEqual(faults.slice(0, 5), [], `${faults.length} faults`)
  for (const kind of ['insert', 'remove', 'duplicate', 'name', 'set', 'drop', 'move']) assert.ok(counts[kind] > 100, `${kind}: ${counts[kind]}`)
})

const steps = `# What people see first.
flow: 71
slug: shaped
name: Shaped
trigger: webhook
steps:
  # looks the person up
  - name: find # by address
    http: {get: "http://127.0.0.1:9/people", query: {email: "\${ .email }"}}
  - name: shape
    set:
      id: \${ $steps.find.body.id } # the number
      label: old
  - switch:
      - when: .id == null
        steps:
          - fail: {message: nobody, status: 404}
      - else: [{log: "found \${ .id }"}]
tests:
  - name: finds
    event: {email: a@b.org, tags: [x, y]}
    mocks: {find: {status: 200, body: {id: 7, name: Ann}}}
    output: [{id: 7, label: old}]
`
const names = page => page.locator('#build .out .title').allTextContents()

test('steps are moved, duplicated, renamed and deleted, with one history', async () => {
  const page = desk
  await deploy(page, steps)
  const build = page.locator('#build')
  const start = await text(page)
  const outline = await names(page)
  assert.deepEqual(outline, ['When it runs', 'find', 'shape', 'Branch: if, else', 'If .id is missing', 'Stop with a failure', '+ Add a step', 'Else', 'Write a log line', '+ Add a step', '+ Add a step', 'Answer'])

  // By keyboard: down, into the branch, out of it; one undo each.
  await row(page, /^find/).click()
  await page.keyboard.press('Alt+ArrowDown')
  assert.deepEqual((await names(page)).slice(1, 3), ['shape', 'find'])
  assert.ok((await text(page)).includes('  # looks the person up\n  - name: find # by address\n'), 'its comments go along')
  await page.keyboard.press('Alt+ArrowDown')
  await page.keyboard.press('Alt+ArrowRight')
  await page.getByText('The step before it', { exact: false }).waitFor({ state: 'hidden' })
  assert.deepEqual((await names(page)).slice(1, 6), ['shape', 'Branch: if, else', 'If .id is missing', 'Stop with a failure', 'find'])
  assert.match(await text(page), /\n {10}# looks the person up\n {10}- name: find # by address\n {12}http: /)
  await page.keyboard.press('Alt+ArrowLeft')
  await page.keyboard.press('Alt+ArrowUp')
  assert.equal(await page.evaluate(() => document.activeElement.textContent.slice(0, 4)), 'find', 'the focus goes along')
  for (let i = 0; i < 5; i++) await page.keyboard.press('Control+z')
  assert.equal(await text(page), start)
  await page.keyboard.press('Control+y')
  assert.notEqual(await text(page), start)
  await build.getByRole('button', { name: 'Undo' }).click()
  assert.equal(await text(page), start)

  // By mouse: onto a branch.
  await row(page, /^shape/).dragTo(row(page, /^Else/))
  assert.deepEqual((await names(page)).slice(1, 3), ['find', 'Branch: if, else'])
  assert.match(await text(page), / {6}- else:\n {10}- name: shape\n {12}set:\n {14}id: \$\{ \$steps\.find\.body\.id \} # the number\n {14}label: old\n {10}- \{log: "found \$\{ \.id \}"\}\n/)
  await page.keyboard.press('Control+z')
  assert.equal(await text(page), start)

  // A name and what refers to it, also in the tests.
  await row(page, /^find/).click()
  await field(page, 'Name').fill('look_up')
  await field(page, 'Name').press('Tab')
  await page.getByText('2 places that read it now say look_up.').waitFor()
  assert.equal(await text(page), start.replace('- name: find #', '- name: look_up #').replace('$steps.find.', '$steps.look_up.').replace('{find:', '{look_up:'))
  await checked(page, '1 of 1 tests pass')

  await row(page, /^look_up/).click()
  await page.keyboard.press('Delete')
  await page.getByText('2 places still read $steps.look_up: Undo brings it back.').waitFor()
  await build.getByRole('button', { name: 'Undo' }).click()
  await row(page, /^shape/).click()
  await page.keyboard.press('Control+d')
  assert.deepEqual((await names(page)).slice(1, 4), ['look_up', 'shape', 'shape_2'])
  await page.keyboard.press('Control+z')
  await page.keyboard.press('Control+z') // the name
  assert.equal(await text(page), start)
  well(page)
})

test('the text and the steps are one flow, also while the text is broken', async () => {
  const page = desk
  await deploy(page, steps)
  await write(page, steps.replace('name: shape', 'name: shaped_by_hand'))
  await row(page, /^shaped_by_hand/).waitFor()
  await row(page, /^shaped_by_hand/).click()
  const before = await text(page)

  // Mistakes are at their fields.
  await field(page, 'Value of id').fill('${ .id | nosuch }')
  await page.locator('#build .row-value', { has: page.getByLabel('Value of id', { exact: true }) }).locator('.mistake', { hasText: 'nosuch' }).waitFor()
  assert.equal(await row(page, /^shaped_by_hand/).locator('.wrong').count(), 1)
  await readable(page, 'a mistake at its field', 'build-mistake')
  await field(page, 'Value of id').focus()
  await page.keyboard.press('Control+z')
  assert.equal(await text(page), before, 'what was typed is one change')

  // Broken: the last steps, dimmed, with the line.
  await write(page, before.replace('label: old', 'label: {old'))
  await page.getByText(/^The text cannot be read in line \d+/).waitFor()
  assert.ok((await names(page)).includes('shaped_by_hand'))
  await readable(page, 'a broken text', 'build-broken')
  await write(page, before)
  await page.getByText(/^The text cannot be read/).waitFor({ state: 'hidden' })

  // Completion within ${ }, in the text and in a field, with the values of the test.
  await page.locator('.cm-content').click()
  await page.keyboard.press('Control+End')
  await write(page, before.replace('label: old', 'label: ${ $steps.find.body.na }'))
  await page.evaluate(() => { const at = document.querySelector('textarea[data-editor]'); at.dispatchEvent(new CustomEvent('filled', { detail: { line: 13 } })) })
  await page.keyboard.press('End')
  await page.keyboard.press('ArrowLeft')
  await page.keyboard.press('ArrowLeft')
  await page.keyboard.press('Control+Space')
  await page.locator('.cm-tooltip-autocomplete li', { hasText: '$steps.find.body.name' }).click()
  assert.ok((await text(page)).includes('label: ${ $steps.find.body.name }'))
  await row(page, /^shaped_by_hand/).click()
  await field(page, 'Value of label').fill('')
  await field(page, 'Value of label').pressSequentially('Dear ${ $ev')
  await page.locator('.picker.complete [role=option]', { hasText: '$event.email' }).waitFor()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await page.keyboard.type(' }')
  assert.ok((await text(page)).includes('label: Dear ${ $event.email }\n'), await text(page))
  await page.locator('#build output.value', { hasText: '= "Dear a@b.org"' }).waitFor()
  well(page)
})

test('a narrow screen shows one view at a time', async () => {
  const page = await look({ width: 390, audited: true })
  await signIn(page)
  await deploy(page, steps)
  await readable(page, 'the steps of a flow', 'build-narrow')
  await row(page, /^find/).click()
  await page.locator('#build').getByRole('button', { name: 'Pick a value for Value of email' }).click()
  await page.locator('.picker [role=option]').first().waitFor()
  await readable(page, 'the picker', 'build-narrow-picker')
  await page.keyboard.press('Escape')
  await row(page, '+ Add a step').last().click()
  await page.getByLabel('Search the steps').fill('slack message')
  await page.locator('dialog [role=option]').first().waitFor()
  await readable(page, 'the list of steps to add', 'build-narrow-add')
  await page.keyboard.press('Enter')
  assert.match(await text(page), /- name: \w+\n {4}uses: slack\.\w+\n/)
  await page.getByRole('button', { name: 'Text', exact: true }).click()
  await page.locator('.cm-content').waitFor()
  assert.equal(await page.locator('#build').isVisible(), false)
  await fits(page, 'the text')
  well(page)
})

test('the editor with the steps is light', async t => {
  const page = await look()
  await signIn(page)
  const session = await page.context().newCDPSession(page)
  await session.send('Network.enable')
  await session.send('Network.setCacheDisabled', { cacheDisabled: true })
  let bytes = 0
  session.on('Network.loadingFinished', one => { bytes += one.encodedDataLength })
  await visit(page, '/flows/71')
  await page.getByRole('button', { name: 'Build', exact: true }).click()
  await row(page, /^find/).waitFor()
  await checked(page, 'valid')
  await page.waitForLoadState('networkidle')
  t.diagnostic(`${(bytes / 1024).toFixed(0)} KB`)
  assert.ok(bytes > 100 * 1024 && bytes < 350 * 1024, `${bytes} bytes`)
  well(page)
})
