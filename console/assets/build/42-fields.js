// ---- The fields of forms -----------------------------------------------------------------------------------------------------

// labels are those of parameters whose names say too little. Read only.
const labels = { schema: 'Fields', verify: 'How the sender proves who it is', json: 'JSON body', query: 'Query parameters of the URL', fields: 'Fields', connection: 'Connection (credentials)', if: 'Only if', on_error: 'When it fails', retry: 'Try again', cron: 'Times (cron)' }

// field returns the row of a parameter: its label, its control, what it is for, and its mistakes.
function field(view, param, slot, more = {}) {
  const make = controls[param.type] ?? rawControl
  const id = newId()
  const row = h('div', { class: 'field', 'data-param': param.name })
  const label = more.label ?? labels[param.name] ?? words(param.name)
  row.place = slot
  const unnamed = param.names && slot.entry() && scalarOf(slot) === '' && !isList(slot.entry().value) // a connection or a secret is meant
  const control = make(view, param, slot, { id, label, describedby: id + '-about', ...more })
  const single = control.id === id || control.querySelector(`[id="${id}"]`)
  row.append(h('div', { class: 'field-head' }, h(single ? 'label' : 'span', { for: single ? id : null, class: 'field-label' }, label), param.required || unnamed ? h('span', { class: 'needed' }, 'needed') : null), control)
  row.append(h('p', { class: 'about', id: id + '-about' }, prose(param.summary ?? ''), param.default ? h('span', { class: 'faint' }, ` Otherwise: ${plainProse(param.default)}.`) : null))
  row.append(h('p', { class: 'mistake', hidden: true }))
  return row
}

// write puts a value into a slot, for an input that a person types into.
function write(view, slot, value, label) { view.edit(() => slot.set(value), { own: true, label }) }

const scalarOf = slot => { const node = slot.entry()?.value; return node?.shape === 'scalar' && node.value !== null ? String(node.value) : '' }

// input returns a text field for a slot. read turns what is typed into the value.
function input(view, param, slot, more, read = text => text) {
  const text = scalarOf(slot)
  const long = text.includes('\n') || ['code', 'script', 'query', 'exec', 'text', 'html', 'program'].includes(param.name)
  const element = h(long ? 'textarea' : 'input', {
    id: more.id, spellcheck: 'false', autocomplete: 'off', 'aria-describedby': more.describedby, 'data-path': more.path ?? param.name, placeholder: more.placeholder,
    'aria-label': more.aria, ...(long ? { rows: String(Math.min(12, Math.max(2, text.split('\n').length))) } : { type: 'text' }),
  })
  element.value = text
  if (param.required && text === '') element.classList.add('unfilled')
  element.addEventListener('input', () => {
    const value = element.value
    write(view, slot, value === '' && !param.required ? undefined : read(value, slot.entry()?.value), more.label)
  })
  return element
}

// withPicker puts the picker of values beside an input.
function withPicker(view, element, more) {
  if (more.plain) return element
  return h('div', { class: 'with-picker' }, element, pickButton(view, element, more))
}

function select(view, param, slot, more, options, put = value => write(view, slot, value, more.label)) {
  const now = scalarOf(slot)
  const element = h('select', { id: more.id, 'aria-describedby': more.describedby, 'data-path': more.path ?? param.name, 'aria-label': more.aria },
    param.required && now ? null : h('option', { value: '' }, param.required ? 'choose…' : '—'),
    options.map(([value, text]) => h('option', { value, selected: value === now }, text ?? value)),
    now && !options.some(([value]) => value === now) ? h('option', { value: now, selected: true }, now) : null)
  element.addEventListener('change', () => put(element.value === '' ? undefined : element.value))
  return element
}

// namesOf offers the names that the server has, of connections and so on.
function namesOf(view, param, element) {
  const all = { connection: view.names.connections, secret: view.names.secrets, flow: view.names.flows }[param.names] ?? []
  if (!all.length) return element
  const list = h('datalist', { id: newId() }, all.map(one => h('option', { value: one.name }, one.kind ? `${one.name} (${one.kind})` : one.name)))
  element.setAttribute('list', list.id)
  return h('div', {}, element, list)
}

const controls = {
  string: (view, param, slot, more) => namesOf(view, param, input(view, param, slot, more)),
  int: (view, param, slot, more) => { const element = input(view, param, slot, more, typed); element.inputMode = 'numeric'; return element },
  duration: (view, param, slot, more) => input(view, param, slot, { ...more, placeholder: 'such as 500ms, 8s, 5m, 1h' }),
  bool: (view, param, slot, more) => select(view, param, slot, more, [['true', 'Yes'], ['false', 'No']], value => write(view, slot, value === undefined ? undefined : value === 'true', more.label)),
  enum: (view, param, slot, more) => select(view, param, slot, more, param.enum.map(value => [value])),
  expr: (view, param, slot, more) => param.condition ? conditionControl(view, param, slot, more)
    : h('div', {}, withPicker(view, input(view, param, slot, more), { ...more, program: true }), previewLine(view, slot, false)),
  template: (view, param, slot, more) => templateControl(view, param, slot, more),
  fields: (view, param, slot, more) => isMap(slot.entry()?.value) || !slot.entry()?.value ? rowsControl(view, param, slot, more) : templateControl(view, param, slot, more),
  strings: (view, param, slot, more) => namesOf(view, param, listInput(view, param, slot, more)),
  statuses: (view, param, slot, more) => listInput(view, param, slot, { ...more, placeholder: 'such as 200, 404, 2xx' }),
  object: (view, param, slot, more) => objectControl(view, param, slot, more),
  list: (view, param, slot, more) => listControl(view, param, slot, more),
  steps: () => h('p', { class: 'hint' }, 'Its steps are in the list of steps.'),
  literal: (view, param, slot, more) => param.name === 'schema' ? schemaControl(view, param, slot, more) : rawControl(view, param, slot, more),
}

// listInput is a list of words, with commas between them.
function listInput(view, param, slot, more) {
  const node = slot.entry()?.value
  const element = input(view, param, slot, { placeholder: param.names ? `name of a ${param.names}` : 'several with commas', ...more }, (text, old) => {
    const all = text.split(',').map(part => part.trim()).filter(Boolean).map(part => typed(part))
    return all.length === 1 && !isList(old) ? all[0] : all
  })
  if (isList(node)) element.value = node.items.map(item => textOf(item.value)).join(', ')
  return element
}

// mostlyFields are the parameters whose value is an object as a rule.
const mostlyFields = new Set(['json', 'with', 'event', 'data'])

// templateControl is a field of any value: a text with expressions, or fields.
function templateControl(view, param, slot, more) {
  const node = slot.entry()?.value
  const rows = isMap(node) || !node && (mostlyFields.has(param.name) || param.type === 'fields')
  if (isList(node) || isMap(node) && node.entries.some(entry => isList(entry.value))) return rawControl(view, param, slot, more)
  const switchTo = rows ? 'one value' : 'fields'
  const canSwitch = mostlyFields.has(param.name) || isMap(node) || param.type === 'fields'
  const other = canSwitch && button(`Write ${switchTo} instead`, () => view.edit(() => slot.set(rows ? '${ . }' : {}), { label: more.label }), { class: 'link' })
  if (rows) return h('div', {}, rowsControl(view, param, slot, more), other)
  const element = input(view, param, slot, { placeholder: more.placeholder ?? (param.oneOf === 'url' ? 'https://…' : ''), ...more }, typed)
  return h('div', {}, withPicker(view, element, { ...more, program: false }), previewLine(view, slot, true), other)
}

// rowsControl is an object as rows of a name and a value.
function rowsControl(view, param, slot, more) {
  const map = slot.entry()?.value
  const entries = isMap(map) ? map.entries : []
  const rows = entries.map(entry => {
    let name = entry.key
    const inner = { entry: () => memberSlot(view, slot, name).entry(), set: value => memberSlot(view, slot, name).set(value) }
    const key = h('input', { type: 'text', class: 'key', 'aria-label': `Name of the field ${name}`, spellcheck: 'false', autocomplete: 'off', 'data-path': `${param.name}/${name}/key` })
    key.value = name
    key.addEventListener('change', () => {
      const wanted = key.value.trim()
      const free = wanted && wanted !== name && !entryOf(slot.entry().value, wanted)
      const done = free && view.edit(() => { const at = inner.entry(); return replace(at.keyFrom, at.keyTo, scalarText(wanted, isWithinFlow(view.doc, at))) }, { label: more.label, own: true })
      if (done) name = wanted
      else key.value = name
    })
    const nested = isMap(entry.value) || isList(entry.value)
    const value = nested
      ? rawControl(view, { ...param, name }, inner, { aria: `Value of ${name}`, path: `${param.name}/${name}`, label: name })
      : withPicker(view, input(view, { name, required: true }, inner, { aria: `Value of ${name}`, path: `${param.name}/${name}`, label: name }, typed), { label: name, aria: `Value of ${name}`, program: false })
    const cell = h('div', { class: 'row-value field' }, value, nested ? null : previewLine(view, inner, true), h('p', { class: 'mistake', hidden: true }))
    cell.place = inner
    return h('div', { class: 'row' }, key, cell,
      button('×', () => view.edit(() => slotWithout(view, slot, name, param), { label: more.label, focus: param.name + '/+' }), { class: 'quiet remove', 'aria-label': `Remove the field ${name}` }))
  })
  const add = h('div', { class: 'row add' })
  const fresh = h('input', { type: 'text', class: 'key', placeholder: 'new field', 'aria-label': `Name of a new field of ${more.label}`, spellcheck: 'false', autocomplete: 'off', 'data-path': param.name + '/+' })
  const put = () => { const name = fresh.value.trim(); fresh.value = ''; if (name) view.edit(() => memberSlot(view, slot, name).set(''), { label: more.label, focus: `${param.name}/${name}` }) }
  fresh.addEventListener('keydown', event => { if (event.key === 'Enter') { event.preventDefault(); put() } })
  fresh.put = put
  add.append(fresh, button('Add', put))
  return h('div', { class: 'rows', role: 'group', 'aria-label': more.label }, rows, add)
}

// slotWithout removes a member; of a needed object the last one leaves an empty object.
function slotWithout(view, slot, name, param) {
  const map = slot.entry().value
  return map.entries.length === 1 && param.required ? slot.set({}) : memberSlot(view, slot, name).set(undefined)
}

// rawControl is a value as YAML.
function rawControl(view, param, slot, more) {
  const text = rawText(view.doc, slot.entry())
  const element = h('textarea', { id: more.id, rows: String(Math.min(14, Math.max(2, text.split('\n').length))), spellcheck: 'false', 'aria-describedby': more.describedby, 'aria-label': more.aria, 'data-path': more.path ?? param.name, class: 'code' })
  element.value = text
  element.addEventListener('change', () => {
    const value = element.value.replace(/\s+$/, '')
    write(view, slot, value ? new Yaml(value) : param.required ? null : undefined, more.label)
  })
  return element
}

// objectControl are the fields of an object. They are folded until there is one.
function objectControl(view, param, slot, more) {
  const short = param.fields.find(one => one.inline), inline = short?.name ?? ''
  const fields = param.fields.filter(one => !(param.short && one.type === 'object' && !one.fields) && one !== short)
  const given = slot.entry()?.value
  const shorts = param.short && param.fields.filter(one => one.type === 'object' && !one.fields).map(one => one.name)
  const summary = short ? 'More' : !given ? 'Set' : given.shape === 'scalar' ? textOf(given) : given.entries?.map(entry => entry.key).join(', ') || 'Its fields'
  const word = shorts?.length ? h('select', { 'aria-label': more.label, 'data-path': param.name }, h('option', { value: '' }, '—'), shorts.map(name => h('option', { value: name, selected: name === textOf(given) }, name))) : null
  word?.addEventListener('change', () => view.edit(() => slot.set(word.value || undefined), { label: more.label, focus: param.name }))
  const key = `${param.name} in ${view.selected}`
  const details = h('details', { class: 'inner' }, h('summary', {}, summary))
  // taken are the fields that the chosen value of the short form takes, and those that are there all the same.
  const taken = () => {
    const takes = short?.takes?.[textOf(memberSlot(view, slot, inline, inline).entry()?.value)]
    return takes ? fields.filter(one => takes.includes(one.name) || memberSlot(view, slot, one.name, inline).entry()) : fields
  }
  const fill = () => {
    if (!details.open || details.children.length > 1) return
    const some = taken()
    details.append(...paramFields(view, some, name => memberSlot(view, slot, name, inline), () => some.length < 9, `More of ${param.name}`))
  }
  details.addEventListener('toggle', () => { fill(); view.opened[details.open ? 'add' : 'delete'](key) })
  if (view.opened.has(key) || isMap(given) && given.entries.some(entry => entry.key !== inline)) { details.open = true; fill() }
  const main = short && controls[short.type](view, { ...short, required: false }, memberSlot(view, slot, inline, inline), { ...more, path: `${param.name}/${inline}` })
  return h('div', { class: 'object' }, main, word, fields.length ? details : null)
}

// choice are parameters of which exactly one is given: which, and its field.
function choice(view, params, slotOf, more = {}) {
  const now = () => params.find(one => slotOf(one.name).entry())
  const chosen = now() ?? params[0]
  const id = newId(), label = { url: 'Method', statement: 'Statement', operation: 'Operation', what: 'What', when: 'When', format: 'Format' }[chosen.oneOf] ?? 'Which'
  const pick = h('select', { id, 'data-path': 'choice-' + chosen.oneOf }, params.map(one => h('option', { value: one.name, selected: one === chosen }, chosen.oneOf === 'url' && one.name !== 'url' ? one.name.toUpperCase() : words(one.name))))
  // What is given is renamed. Fields of the same type stay as they are, so that a person may go on typing the name.
  pick.addEventListener('change', () => view.edit(() => {
    const given = now(), entry = given && slotOf(given.name).entry()
    return entry && entry.key === given.name ? replace(entry.keyFrom, entry.keyTo, pick.value) : slotOf(pick.value).set('')
  }, { label: more.label, own: params.every(one => one.type === chosen.type), focus: 'choice-' + chosen.oneOf }))
  const current = () => slotOf((now() ?? { name: pick.value }).name)
  const single = chosen.oneOf === 'url'
  const row = field(view, { ...chosen, required: true, summary: single ? '' : chosen.summary }, { entry: () => current().entry(), set: value => current().set(value) }, { label: single ? 'URL' : words(chosen.name), path: 'one-' + chosen.oneOf })
  return h('div', { class: single ? 'choice beside' : 'choice' }, h('div', { class: 'field' }, h('label', { for: id, class: 'field-label' }, label), pick), row)
}

// listControl is a list of objects.
function listControl(view, param, slot, more) {
  const node = slot.entry()?.value
  if (node && !isList(node)) return rawControl(view, param, slot, more)
  if (param.fields?.some(one => one.type === 'steps')) return controls.steps()
  const items = node?.items ?? []
  const blank = Object.fromEntries(param.fields.filter(one => one.required).map(one => [one.name, '']))
  return h('div', { class: 'elements', role: 'group', 'aria-label': more.label },
    items.map((item, i) => h('div', { class: 'element' },
      param.fields.filter(one => one.required || entryOf(item.value, one.name)).map(one => field(view, one, memberSlot(view, elementSlot(view, slot, i), one.name))),
      h('details', { class: 'inner' }, h('summary', {}, 'More'), param.fields.filter(one => !one.required && !entryOf(item.value, one.name)).map(one => field(view, one, memberSlot(view, elementSlot(view, slot, i), one.name)))),
      button('Remove', () => view.edit(() => items.length === 1 ? slot.set(undefined) : removeItem(view.doc, slot.entry(), i), { label: more.label }), { class: 'quiet' }))),
    button('Add', () => view.edit(() => slot.entry() ? insertItem(view.doc, slot.entry(), items.length, blank) : slot.set([blank]), { label: more.label })))
}
