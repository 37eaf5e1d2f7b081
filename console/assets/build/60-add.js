// ---- Adding a step -----------------------------------------------------------------------------------------------------------

// choices lists what a step may be: kinds, then the operations of connectors.
function choices(catalogue) {
  const order = ['Other systems', 'Branches', 'Data', 'Answer', 'Other flows', 'Waiting and state', 'More']
  const kinds = catalogue.kinds.filter(kind => kind.name !== 'uses').map(kind => ({ group: kind.group, title: kind.title, name: kind.name, summary: plainProse(kind.summary), kind }))
    .sort((a, b) => order.indexOf(a.group) - order.indexOf(b.group))
  const uses = catalogue.byName.get('uses')
  const operations = catalogue.operations.map(one => ({ group: `Connector ${one.name.split('.')[0].replaceAll('_', ' ')}`, title: words(one.name.split('.').slice(1).join('.')), name: one.name, summary: plainProse(one.summary ?? ''), kind: uses, operation: one.name }))
  return [...kinds, ...operations]
}

// ranked returns the choices that have all words, those whose title begins with the first before the others.
function ranked(all, text) {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean)
  if (!wanted.length) return all
  const rank = one => one.title.toLowerCase().startsWith(wanted[0]) || one.name.startsWith(wanted[0]) ? 0 : one.title.toLowerCase().includes(wanted[0]) || one.name.includes(wanted[0]) ? 1 : 2
  const found = all.filter(one => { const text = `${one.title} ${one.name} ${one.summary} ${one.group}`.toLowerCase(); return wanted.every(word => text.includes(word)) })
  return found.map((one, i) => [rank(one), i, one]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(one => ({ ...one[2], group: 'Found' }))
}

// addDialog asks for a kind of step. chosen is called with the choice.
function addDialog(view, title, chosen) {
  const all = choices(view.catalogue)
  const search = h('input', { type: 'text', role: 'combobox', 'aria-expanded': 'true', 'aria-autocomplete': 'list', 'aria-label': 'Search the steps', placeholder: 'Search: http, branch, email, slack…', autocomplete: 'off', spellcheck: 'false' })
  const list = h('div', { role: 'listbox', id: newId(), class: 'options steps', 'aria-label': 'Steps' })
  search.setAttribute('aria-controls', list.id)
  const dialog = h('dialog', { class: 'over add-step', 'aria-labelledby': 'add-step-title' }, h('h2', { id: 'add-step-title' }, title), search, list, h('div', { class: 'acts' }, button('Cancel', () => dialog.close())))
  const choose = one => { dialog.returned = true; dialog.close(); chosen(one) }
  const fill = () => {
    const found = ranked(all, search.value)
    options(list, found, one => one.group, one => [h('span', { class: 'what' }, one.title, one.title.toLowerCase() === one.name ? null : h('code', { class: 'faint' }, one.name)), h('span', { class: 'about' }, one.summary)], choose)
    if (!found.length) list.append(h('p', { class: 'hint' }, 'No step has these words.'))
    list.scrollTop = 0
  }
  search.addEventListener('input', fill)
  arrows(search, list, () => dialog.close())
  dialog.addEventListener('close', () => { dialog.remove(); if (!dialog.returned) view.focusOutline() })
  document.body.append(dialog)
  fill()
  dialog.showModal()
  search.focus()
}

// starter returns a new step of a kind, with what it needs left empty.
function starter(flow, { kind, operation }, schemas) {
  const step = {}
  if (kind.effects) step.name = freeName(flow, operation ? operation.split('.').slice(1).join('_') : kind.name)
  if (operation) {
    step.uses = operation
    const needed = schemas?.[`with-${operation}`]?.required ?? []
    if (needed.length) step.with = Object.fromEntries(needed.map(name => [name, '']))
    return step
  }
  return { ...step, [kind.name]: firstArguments(kind) }
}

function firstArguments(kind) {
  switch (kind.name) {
    case 'switch': return [{ when: '', steps: [] }, { else: [] }]
    case 'parallel': return [{ branch: 'first', steps: [] }, { branch: 'second', steps: [] }]
    case 'respond': return { json: {} }
  }
  const args = {}, groups = new Set()
  for (const param of kind.params) {
    if (!param.required && !(param.oneOf && !groups.has(param.oneOf))) continue
    if (param.oneOf) groups.add(param.oneOf)
    args[param.name] = { fields: {}, object: {}, literal: {}, steps: [], list: [] }[param.type] ?? ''
  }
  const names = Object.keys(args), inline = kind.params.find(param => param.inline)
  return names.length === 1 && inline?.name === names[0] ? args[names[0]] : args
}

// starts are the answers to "When does it run?". Read only.
const starts = [
  { name: 'form', title: 'A form on a website is sent', about: 'Anybody may send it; its fields become the event.', trigger: { webhook: { verify: { scheme: 'none', limit: '10/m' }, schema: { type: 'object', properties: {} } } } },
  { name: 'webhook', title: 'Another system sends a webhook', about: 'A signed request of a product such as Stripe, or of a system of your own.', trigger: { webhook: { verify: { scheme: 'hmac', secret: '', header: 'x-signature' } } } },
  { name: 'call', title: 'A program calls the API', about: 'The JSON body of the call becomes the event; the caller gets the answer.', trigger: 'webhook' },
  { name: 'http', title: 'A request at a path of its own', about: 'An HTTP API such as POST /people, with parameters and documentation.', trigger: { http: { post: '/things', schema: { type: 'object', properties: {} } } } },
  { name: 'schedule', title: 'At certain times', about: 'Every hour, each night, on Mondays…', trigger: { schedule: { cron: '0 6 * * *', time_zone: 'UTC' } } },
  { name: 'poll', title: 'When a system has something new', about: 'Asks again and again, and remembers where it was.', trigger: { poll: { cron: '*/5 * * * *' } } },
  { name: 'topic', title: 'An event is published', about: 'By another flow, or by a program.', trigger: { topic: '' } },
  { name: 'alert', title: 'Something goes wrong', about: 'Runs fail, queues are late, a schedule did not fire.', trigger: { alert: {} } },
  { name: 'manual', title: 'Only when somebody starts it', about: 'In the console, or over the API.', trigger: 'manual' },
]

// startText returns the text of a new flow.
function startText(number, start, keep) {
  const head = { flow: number, slug: keep.slug ?? 'my-flow', name: keep.name ?? 'My flow', trigger: start.trigger }
  return mapText(head, 0) + '\nsteps: []\n'
}
