// ---- The form of what is selected --------------------------------------------------------------------------------------------

// formOf returns the form of the selected row.
function formOf(view, row) {
  if (!row) return [h('p', { class: 'hint' }, 'Choose a step.')]
  switch (row.type) {
    case 'trigger': return triggerForm(view)
    case 'branch': return branchForm(view, row)
    case 'answer': return answerForm(view)
    case 'step': return row.step.kind ? stepForm(view, row.step) : [heading('A step without a kind'), h('p', { class: 'hint' }, 'The text has a step here that no kind of step fits. Mend it in the text.'), stepActs(view, row.step)]
  }
  return []
}

const heading = (title, ...more) => h('h3', {}, title, ...more)

function triggerForm(view) {
  const { flow } = view, { word, param } = flow.trigger
  const outer = topSlot(view, entryOf(flow.root, 'on') ? 'on' : 'trigger')
  const which = h('select', { id: 'build-trigger', 'data-path': 'trigger' }, view.catalogue.trigger.map(one => h('option', { value: one.name, selected: one.name === word }, one.name)))
  which.addEventListener('change', () => view.edit(() => {
    const start = starts.find(one => one.name === which.value) ?? { trigger: which.value }
    return outer.set(which.value === 'webhook' ? 'webhook' : start.trigger)
  }, { focus: 'trigger' }))
  const fields = []
  if (param) {
    const slot = param.type === 'list' ? elementOrSelf(view, wordSlot(view, outer, word)) : wordSlot(view, outer, word)
    if (param.fields) fields.push(...paramFields(view, param.fields, name => memberSlot(view, slot, name, param.fields.find(one => one.inline)?.name ?? ''), name => name === 'schema' || name === 'cron' || name === 'verify'))
    else fields.push(field(view, { ...param, required: true }, wordSlot(view, outer, word)))
  }
  const number = scalarOf(topSlot(view, 'flow'))
  return [heading('When it runs'),
    field(view, { name: 'name', type: 'string', summary: 'What the flow does, in a few words.' }, topSlot(view, 'name'), { label: 'Name of the flow' }),
    h('div', { class: 'field' }, h('label', { for: 'build-trigger', class: 'field-label' }, 'What starts a run'), which, h('p', { class: 'about' }, prose(param?.summary ?? ''))),
    ...fields,
    h('details', { class: 'inner' }, h('summary', {}, `Number ${number} and name in URLs`),
      field(view, { name: 'slug', type: 'string', summary: 'A name for URLs: small letters, digits and -.' }, topSlot(view, 'slug')),
      field(view, { name: 'flow', type: 'int', required: true, summary: 'The number, which callers use.' }, topSlot(view, 'flow'), { label: 'Number' }))]
}

// elementOrSelf is the first element of a list, or the one mapping that stands for it.
const elementOrSelf = (view, slot) => isList(slot.entry()?.value) ? elementSlot(view, slot, 0) : slot

// paramFields returns the fields of parameters: those that are needed or given first, the rest folded. first says which others are
// not folded.
function paramFields(view, params, slotOf, first = () => false, folded = 'More') {
  const shown = [], rest = [], groups = new Set()
  for (const param of params) {
    if (param.oneOf && params.filter(other => other.oneOf === param.oneOf).length > 1) {
      if (groups.has(param.oneOf)) continue
      groups.add(param.oneOf)
      shown.push(choice(view, params.filter(other => other.oneOf === param.oneOf), slotOf))
      continue
    }
    const slot = slotOf(param.name)
    if (param.required || slot.entry() || first(param.name)) shown.push([param, field(view, param, slot)])
    else rest.push([param, slot])
  }
  const ordered = [...shown.filter(one => !Array.isArray(one)), ...shown.filter(one => Array.isArray(one) && one[0].required).map(one => one[1]), ...shown.filter(one => Array.isArray(one) && !one[0].required).map(one => one[1])]
  if (!rest.length) return ordered
  const details = h('details', { class: 'inner rest', 'data-rest': folded }, h('summary', {}, `${folded} (${rest.length})`))
  const fill = () => { if (details.open && details.children.length === 1) details.append(...rest.map(([param, slot]) => field(view, param, slot))) }
  details.addEventListener('toggle', () => { fill(); view.opened[details.open ? 'add' : 'delete'](folded) })
  if (view.opened.has(folded)) { details.open = true; fill() }
  return [...ordered, details]
}

// often are the parameters that are offered although nothing says that they are needed. Read only.
const often = { http: ['query', 'json', 'connection'], respond: ['status', 'json'], uses: ['with', 'connection'], email: ['to', 'subject', 'text'], sql: ['args'], call: ['event'], emit: ['event'], fail: ['status'] }

function stepForm(view, step) {
  const here = () => view.anchored() ?? view.current(step)
  const { kind } = step
  const name = h('input', { type: 'text', id: newId(), value: step.name, spellcheck: 'false', autocomplete: 'off', 'data-path': 'name', placeholder: step.label })
  name.addEventListener('change', () => {
    const wanted = name.value.trim(), old = here()
    if (wanted === old.name) return
    if (wanted && view.flow.all.some(other => other.name === wanted)) { name.value = old.name; return view.say(`Another step has the name ${wanted}.`) }
    const left = references(view.flow, old.name).length
    if (wanted) {
      if (view.edit(() => renamed(view.flow, here(), wanted), { own: true }) && left) view.say(`${left} place${left > 1 ? 's' : ''} that read${left > 1 ? '' : 's'} it now say${left > 1 ? '' : 's'} ${wanted}.`)
    } else if (view.edit(() => removeEntry(view.doc, here().map, 'name'), { own: true }) && left) {
      view.say(`${left} place${left > 1 ? 's' : ''} still read${left > 1 ? '' : 's'} $steps.${old.name}.`)
    }
  })
  const params = kind.params.filter(param => !(kind.name === 'uses' && param.name === 'with'))
  const withs = kind.name === 'uses' ? withFields(view, step, here) : []
  return [
    heading(kind.title, h('code', { class: 'faint' }, ` ${kind.name}`)), h('p', { class: 'about' }, prose(kind.summary)),
    stepActs(view, step), h('div', { class: 'general' }),
    h('div', { class: 'field', 'data-param': 'name' }, h('label', { for: name.id, class: 'field-label' }, 'Name'), name, h('p', { class: 'about' }, 'By which later steps read its result.'), h('p', { class: 'mistake', hidden: true })),
    ...withs,
    ...paramFields(view, params, param => argumentSlot(view, here, param), param => often[kind.name]?.includes(param)),
    branchButtons(view, step, here),
    ...paramFields(view, view.catalogue.attributes.filter(param => param.name !== 'name'), param => attributeSlot(view, here, param), () => false, 'Condition, time, failures'),
  ]
}

// withFields are the parameters of a connector's operation.
function withFields(view, step, here) {
  const outer = argumentSlot(view, here, 'with')
  const schema = view.schemas?.[`with-${step.operation}`]
  const given = outer.entry()?.value
  if (!schema?.properties || given && !isMap(given)) return [field(view, { name: 'with', type: 'template', summary: 'The parameters of the operation.' }, outer)]
  const params = Object.entries(schema.properties).map(([name, one]) => {
    const strict = one.anyOf?.find(alternative => alternative.type !== 'null' && !(alternative.pattern && alternative.type === 'string')) ?? one
    const type = strict.enum ? 'enum' : strict.type === 'boolean' ? 'bool' : 'template'
    return { name, type, enum: strict.enum?.map(String), summary: one.description ?? '', required: (schema.required ?? []).includes(name), default: strict.default === undefined ? '' : String(strict.default) }
  })
  return paramFields(view, params, name => memberSlot(view, outer, name), () => false, 'Further parameters')
}

// branchButtons add a branch to a step that has several.
function branchButtons(view, step, here) {
  const param = step.kind.params.find(one => one.type === 'list' && one.fields?.some(inner => inner.type === 'steps'))
  if (!param) return null
  const names = param.fields.map(one => one.name)
  const put = (value, last) => view.edit(() => {
    const entry = argument(here(), param.name), items = entry.value?.items ?? []
    const otherwise = items.findIndex(item => entryOf(item.value, 'else'))
    return insertItem(view.doc, entry, otherwise >= 0 && !last ? otherwise : items.length, value)
  }, { label: 'branch' })
  const hasElse = step.lists.some(list => list.param === 'else')
  if (names.includes('when')) return h('div', { class: 'acts' }, button('Add a branch with a condition', () => put({ when: '', steps: [] })), hasElse ? null : button('Add “else”', () => put({ else: [] }, true)))
  return h('div', { class: 'acts' }, button('Add a branch', () => put({ branch: `branch${step.lists.length + 1}`, steps: [] })))
}

function stepActs(view, step) {
  const row = { step, type: 'step' }
  const act = (text, title, go) => button(text, go, { title, 'aria-label': title, class: 'small' })
  return h('div', { class: 'acts step-acts', role: 'group', 'aria-label': 'This step' },
    act('↑', 'Move up (Alt ↑)', () => shift(view, row, -1)), act('↓', 'Move down (Alt ↓)', () => shift(view, row, 1)),
    act('←', 'Move out of the branch (Alt ←)', () => moveOut(view, row)), act('→', 'Move into the branch of the step before (Alt →)', () => moveIn(view, row)),
    act('Duplicate', 'Duplicate (Ctrl D)', () => view.duplicate(step)), act('Delete', 'Delete', () => view.remove(step)),
    act('Show in the text', 'Show in the text', () => view.reveal(step.from)))
}

function branchForm(view, row) {
  const { list } = row
  if (!list.element) return [heading(list.title), h('p', { class: 'about' }, `The steps of ${row.step ? row.step.label : 'the flow when a run fails'}.`), button('Add a step', () => view.add(list, 0))]
  const here = () => { const step = view.current(row.step); return step?.lists.find(one => one.element?.index === list.element.index && one.param === list.param) }
  const slot = name => ({
    entry: () => entryOf(here()?.element.map, name),
    set: value => value === undefined ? removeEntry(view.doc, here().element.map, name) : setEntry(view.doc, here().element.map, name, value),
  })
  const fields = []
  if (entryOf(list.element.map, 'when')) fields.push(field(view, { name: 'when', type: 'expr', condition: true, required: true, summary: 'An item takes the first branch whose condition is true.' }, slot('when'), { label: 'Condition', keep: true }))
  else if (list.param === 'else') fields.push(h('p', { class: 'about' }, 'Items for which no condition is true come here.'))
  if (list.param === 'steps' && !entryOf(list.element.map, 'when')) fields.push(field(view, { name: 'branch', type: 'string', summary: 'The name of the branch.' }, slot('branch'), { label: 'Name' }))
  return [heading(list.title), ...fields, h('div', { class: 'acts' }, button('Add a step here', () => view.add(here(), here().steps.length), { class: 'primary' }),
    button('Delete the branch', () => view.edit(() => removeItem(view.doc, here().element.entry, list.element.index), { label: 'branch', select: 'step ' + row.step.path }), { class: 'small' }))]
}

function answerForm(view) {
  const respond = view.flow.all.find(step => step.kind?.name === 'respond')
  return [heading('Answer'), h('p', { class: 'about' }, respond ? 'The caller gets what the step below says; the steps after it run afterwards.' : 'The caller who waits gets the list of the items that the last step puts out. A step “Answer the caller” says something else.'),
    respond ? button(`Edit ${respond.label}`, () => view.select('step ' + respond.path, true)) : button('Add an answer', () => view.insert(view.flow.steps, view.flow.steps.steps.length, { kind: view.catalogue.byName.get('respond') }), { class: 'primary' })]
}
