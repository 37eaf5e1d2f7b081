// ---- Fields of a form, and conditions ----------------------------------------------------------------------------------------

// fieldTypes are the types of the fields of an event that the form offers, as JSON Schema. Read only.
const fieldTypes = [
  ['text', 'text', '{type: string}'], ['email', 'email address', '{type: string, format: email}'], ['number', 'number', '{type: number}'], ['integer', 'whole number', '{type: integer}'],
  ['boolean', 'yes or no', '{type: boolean}'], ['date', 'date', '{type: string, format: date}'], ['array', 'list', '{type: array}'], ['object', 'object or file', '{type: object}'],
]

const fieldType = schema => {
  if (!schema || typeof schema !== 'object') return ''
  if (schema.format === 'email' || schema.format === 'date') return schema.format
  return schema.type === 'string' ? 'text' : fieldTypes.some(([name]) => name === schema.type) ? schema.type : ''
}

// schemaControl is the JSON Schema of an object as its fields: name, type, and whether it must be there.
function schemaControl(view, param, slot, more) {
  const schema = plainOf(slot.entry()?.value) ?? {}
  if (typeof schema !== 'object' || schema.type && schema.type !== 'object' || schema.$ref || schema.anyOf || schema.oneOf) return rawControl(view, param, slot, more)
  const properties = schema.properties ?? {}, needed = Array.isArray(schema.required) ? schema.required : []
  const inner = memberSlot(view, slot, 'properties'), required = memberSlot(view, slot, 'required')
  const rows = Object.entries(properties).map(([name, one]) => {
    const type = h('select', { 'aria-label': `Type of ${name}`, 'data-path': `schema/${name}` }, fieldType(one) ? null : h('option', { value: '', selected: true }, 'other'),
      fieldTypes.map(([value, text]) => h('option', { value, selected: value === fieldType(one) }, text)))
    type.addEventListener('change', () => view.edit(() => memberSlot(view, inner, name).set(new Raw(fieldTypes.find(([value]) => value === type.value)[2])), { label: name, focus: `schema/${name}` }))
    const must = h('input', { type: 'checkbox', checked: needed.includes(name), 'data-path': `schema/${name}/needed` })
    must.addEventListener('change', () => view.edit(() => {
      const all = must.checked ? [...needed, name] : needed.filter(one => one !== name)
      return required.set(all.length ? all : undefined)
    }, { label: name, focus: `schema/${name}/needed` }))
    return h('div', { class: 'row schema' }, h('code', { class: 'key' }, name), type, h('label', { class: 'check' }, must, 'needed'),
      button('×', () => removeField(view, slot, inner, required, name, needed), { class: 'quiet remove', 'aria-label': `Remove the field ${name}` }))
  })
  const fresh = h('input', { type: 'text', class: 'key', placeholder: 'name of a field', 'aria-label': 'Name of a new field', spellcheck: 'false', autocomplete: 'off', 'data-path': 'schema/+' })
  const put = () => {
    const name = fresh.value.trim()
    if (!name || name in properties) return
    const type = /e-?mail/i.test(name) ? fieldTypes[1][2] : fieldTypes[0][2]
    fresh.value = ''
    view.edit(() => slot.entry()?.value && isMap(slot.entry().value) && slot.entry().value.entries.length ? memberSlot(view, inner, name).set(new Raw(type))
      : slot.set({ type: 'object', properties: { [name]: new Raw(type) } }), { label: name, focus: 'schema/+' })
  }
  fresh.put = put
  fresh.addEventListener('keydown', event => { if (event.key === 'Enter') { event.preventDefault(); put() } })
  return h('div', { class: 'rows', role: 'group', 'aria-label': more.label }, rows, h('div', { class: 'row add' }, fresh, button('Add a field', put)))
}

function removeField(view, slot, inner, required, name, needed) {
  view.edit(() => memberSlot(view, inner, name).set(undefined), { label: name, focus: 'schema/+' })
  if (needed.includes(name)) view.edit(() => required.set(needed.length > 1 ? needed.filter(one => one !== name) : undefined), { label: name, focus: 'schema/+' })
}

// conditionControl is a condition: a field, a comparison and a value, or the program itself.
function conditionControl(view, param, slot, more) {
  const program = scalarOf(slot), read = program === '' ? { path: '', comparison: 'is', value: '' } : readCondition(program)
  if (!read || view.programs.has(more.label)) {
    const element = input(view, param, slot, more)
    return h('div', {}, withPicker(view, element, { ...more, program: true }), previewLine(view, slot, false),
      read ? button('Use the builder', () => { view.programs.delete(more.label); view.render(true) }, { class: 'link' }) : null)
  }
  const path = h('input', { type: 'text', id: more.id, spellcheck: 'false', autocomplete: 'off', placeholder: 'a value', 'data-path': 'condition/path', 'aria-describedby': more.describedby })
  path.value = read.path
  const comparison = h('select', { 'aria-label': 'Comparison', 'data-path': 'condition/comparison' }, comparisons.map(one => h('option', { value: one.name, selected: one.name === read.comparison }, one.name)))
  const value = h('input', { type: 'text', 'aria-label': 'Compared with', spellcheck: 'false', autocomplete: 'off', placeholder: 'text or number', 'data-path': 'condition/value' })
  value.value = read.value
  const show = () => { value.hidden = !comparisons.find(one => one.name === comparison.value).takesValue }
  const put = () => {
    show()
    const text = path.value.trim()
    write(view, slot, text === '' ? (param.required || more.keep ? '' : undefined) : writeCondition({ path: text, comparison: comparison.value, value: value.value }), more.label)
  }
  path.addEventListener('input', put)
  value.addEventListener('input', put)
  comparison.addEventListener('change', put)
  show()
  return h('div', { class: 'condition' }, withPicker(view, path, { ...more, program: true }), h('div', { class: 'compare' }, comparison, value), previewLine(view, slot, false),
    button('Write jq instead', () => { view.programs.add(more.label); view.render(true) }, { class: 'link' }))
}
