// ---- What expressions read ---------------------------------------------------------------------------------------------------

// itemBefore returns what is known of the item that a step receives: { value, fields } with the value of a sample, or names alone.
// sample is null when there is none.
function itemBefore(flow, step, sample, catalogue) {
  if (sample && step.path in sample.items) return known(sample.items[step.path])
  for (let at = step; at; at = at.list.of) {
    if (at.index > 0) return itemAfter(flow, at.list.steps[at.index - 1], sample, catalogue)
    if (!at.list.of) return eventOf(flow, sample)
    if (sample && at.list.of.path in sample.items) return known(sample.items[at.list.of.path])
  }
  return nothing()
}

const known = value => ({ value, fields: null })
const nothing = () => ({ value: undefined, fields: null })

// itemAfter returns what is known of the first item that a step puts out.
function itemAfter(flow, step, sample, catalogue) {
  if (sample && step.path in sample.steps) return known(sample.steps[step.path])
  const kind = step.kind?.name
  const as = textOf(memberOf(step.map, 'as'))
  const own = step.kind ? shapeOf(flow, step, sample, catalogue) : nothing()
  if (as) {
    const before = itemBefore(flow, step, sample, catalogue)
    const fields = { ...fieldsOf(before), [as]: own.value !== undefined ? own.value : own.fields ?? null }
    return { value: undefined, fields }
  }
  return step.kind?.passes || kind === 'delay' ? itemBefore(flow, step, sample, catalogue) : own
}

const fieldsOf = shape => shape.value && typeof shape.value === 'object' ? shape.value : shape.fields ?? {}

// shapeOf returns the names that the result of a kind has, whatever the data.
function shapeOf(flow, step, sample, catalogue) {
  switch (step.kind.name) {
    case 'http': return { value: undefined, fields: { status: null, headers: null, body: null } }
    case 'uses': {
      const output = catalogue.operations.find(o => o.name === step.operation)?.output
      return output ? { value: undefined, fields: schemaFields(output) } : nothing()
    }
    case 'switch': { // what the first branch puts out that has steps
      const last = step.lists.find(list => list.steps.length)?.steps.at(-1)
      return last ? itemAfter(flow, last, null, catalogue) : nothing()
    }
    case 'set': {
      const fields = step.own.inline ? step.at.value : memberOf(step.at.value, 'fields')
      return isMap(fields) ? { value: undefined, fields: Object.fromEntries(fields.entries.map(entry => [entry.key, null])) } : nothing()
    }
  }
  return nothing()
}

// schemaFields returns an object with the names of a JSON Schema; each value is null or such an object.
function schemaFields(schema, depth = 0) {
  if (!schema || typeof schema !== 'object' || depth > 5) return null
  const strict = schema.anyOf?.find(one => one.properties || one.type) ?? schema
  if (strict.properties) return Object.fromEntries(Object.entries(strict.properties).map(([name, one]) => [name, schemaFields(one, depth + 1)]))
  if (strict.items) { const inner = schemaFields(strict.items, depth + 1); return inner && [inner] }
  return null
}

// eventOf returns what is known of the event: of a sample, else of the trigger's schema.
function eventOf(flow, sample) {
  const node = flow.trigger.node
  const schema = plainOf(memberOf(isList(node) ? node.items[0]?.value : node, 'schema'))
  const fields = schema && schemaFields(schema)
  if (sample && sample.event !== null) return { value: sample.event, fields }
  if (flow.trigger.word === 'http') return { value: undefined, fields: { operation: null, params: null, body: fields } }
  return { value: undefined, fields }
}

// sourcesOf returns the groups of values that the programs of a step may read: { title, root, shape }.
function sourcesOf(flow, step, sample, catalogue) {
  const groups = []
  const trigger = { webhook: 'What arrived', http: 'The request', topic: 'The event', schedule: 'The schedule', poll: 'The poll' }[flow.trigger.word] ?? 'The event'
  groups.push({ title: trigger, root: '$event', shape: eventOf(flow, sample) })
  if (step) {
    for (const earlier of before(step)) {
      if (!earlier.kind || earlier.kind.passes && !earlier.name) continue
      if (!earlier.name && !earlier.kind.effects) continue
      groups.push({ title: `Result of ${earlier.label}`, root: earlier.name ? `$steps.${earlier.name}` : '', of: earlier, shape: itemAfter(flow, earlier, sample, catalogue) })
    }
    groups.push({ title: 'The item as it comes to this step', root: '.', shape: itemBefore(flow, step, sample, catalogue) })
  }
  const vars = plainOf(memberOf(flow.root, 'vars'))
  if (vars && typeof vars === 'object') groups.push({ title: 'Variables', root: '$vars', shape: known(vars) })
  const params = sample && Object.keys(sample.params).length ? sample.params : null
  if (params) groups.push({ title: 'Parameters of the URL', root: '$params', shape: known(params) })
  if (sample && Object.keys(sample.headers).length) groups.push({ title: 'Headers', root: '$headers', shape: known(sample.headers) })
  return groups
}

const maxPaths = 300

// pathsOf lists the values below a root, as { path, value, known }: objects in depth, of lists the first element.
function pathsOf(root, shape) {
  const found = []
  const join = (path, name) => /^[A-Za-z_]\w*$/.test(name) ? (path === '.' ? '.' + name : `${path}.${name}`) : `${path}[${JSON.stringify(name)}]`
  const walk = (path, value, has, depth) => {
    if (found.length >= maxPaths || depth > 6) return
    found.push({ path, value, has })
    if (Array.isArray(value)) {
      if (value.length && typeof value[0] === 'object') walk(path === '.' ? '.[0]' : `${path}[0]`, value[0], has, depth + 1)
    } else if (value && typeof value === 'object') {
      for (const [name, inner] of Object.entries(value)) walk(join(path, name), inner, has, depth + 1)
    }
  }
  if (shape.value === undefined) walk(root, shape.fields, false, 0)
  else {
    walk(root, shape.value, true, 0)
    const has = shape.value && typeof shape.value === 'object' ? shape.value : {}
    for (const [name, inner] of Object.entries(shape.fields ?? {})) if (!(name in has)) walk(join(root, name), inner, false, 1) // that the sample lacks
  }
  return found
}

// shownValue writes a value in a few characters.
function shownValue(value, most = 60) {
  if (value === null) return 'null'
  if (Array.isArray(value)) return `list of ${value.length}`
  if (typeof value === 'object') return `{ ${Object.keys(value).join(', ')} }`.slice(0, most)
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > most ? text.slice(0, most) + '…' : text || '""'
}

// previewData is what the server needs to evaluate an expression of a step.
function previewData(flow, step, sample, catalogue) {
  const item = step ? itemBefore(flow, step, sample, catalogue) : eventOf(flow, sample)
  const steps = {}
  for (const earlier of step ? before(step) : []) {
    const result = earlier.name && itemAfter(flow, earlier, sample, catalogue)
    if (result && result.value !== undefined) steps[earlier.name] = result.value
  }
  return { item: item.value ?? null, event: sample?.event ?? null, steps, vars: plainOf(memberOf(flow.root, 'vars')) ?? {}, params: sample?.params ?? {}, headers: sample?.headers ?? {} }
}
