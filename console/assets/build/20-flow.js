// ---- The flow in the text ----------------------------------------------------------------------------------------------------
//
// flow   = { doc, root, trigger, steps: list, onFailure: list|null }
// list   = { entry, steps: [step], title, of: step|null, element, param }   entry: the one in the text that has the list
// step   = { path, label, name, kind, map, own, list, index, from, to, lists: [list] }
// The names and paths of steps are those of the compiler and of records of runs.

// readFlow returns the flow of nodes; null when the text is no mapping.
function readFlow(doc, catalogue) {
  if (!isMap(doc.root)) return null
  const kinds = catalogue.byName
  const flow = { doc, root: doc.root, all: [] }
  const trigger = entryOf(doc.root, 'trigger') ?? entryOf(doc.root, 'on')
  flow.trigger = triggerOf(trigger, catalogue)
  flow.steps = stepList(flow, entryOf(doc.root, 'steps') ?? null, '', null, kinds, { title: '' })
  const failure = entryOf(doc.root, 'on_failure')
  const entry = failure && (isMap(failure.value) ? entryOf(failure.value, 'steps') : failure)
  flow.onFailure = entry ? stepList(flow, entry, 'on_failure', null, kinds, { title: 'When a run fails' }) : null
  return flow
}

// triggerOf returns what starts the flow: its word, with the node of its fields.
function triggerOf(entry, catalogue) {
  if (!entry || !entry.value) return { entry, word: 'manual', node: null, from: 0, to: 0 }
  const word = entry.value.shape === 'scalar' ? textOf(entry.value) : entry.value.entries?.[0]?.key ?? ''
  const inner = isMap(entry.value) ? entry.value.entries[0] : null
  return { entry, word, inner: inner ?? null, node: inner?.value ?? null, from: entry.from, to: entry.to, param: catalogue.trigger.find(p => p.name === word) }
}

function stepList(flow, entry, path, of, kinds, more) {
  const list = { entry, path, of, steps: [], ...more }
  const node = entry?.value
  if (!isList(node)) return list
  const taken = new Set(node.items.map(item => textOf(memberOf(item.value, 'name'))).filter(Boolean))
  node.items.forEach((item, index) => {
    const step = stepOf(flow, item, path, taken, kinds)
    Object.assign(step, { list, index, from: item.from, to: item.to })
    list.steps.push(step)
  })
  return list
}

function stepOf(flow, item, path, taken, kinds) {
  const map = isMap(item.value) ? item.value : null
  const at = map?.entries.find(entry => kinds.has(entry.key))
  const name = textOf(memberOf(map, 'name'))
  const kind = at ? kinds.get(at.key) : null
  const operation = kind?.name === 'uses' ? textOf(isMap(at.value) ? memberOf(at.value, 'operation') : at.value) : ''
  let label = name || operation.split('.').slice(1).join('.') || kind?.name || '?'
  if (!name) {
    for (let first = label, i = 2; taken.has(label); i++) label = `${first}-${i}`
    taken.add(label)
  }
  const step = { label, name, kind, at: at ?? null, map, operation, path: path ? `${path}.${label}` : label, lists: [] }
  flow.all.push(step)
  if (!kind) return step
  step.own = ownOf(step)
  step.lists = [...listsIn(flow, step, kind.params, step.own, step.path, kinds)]
  const onError = memberOf(map, 'on_error')
  const handler = entryOf(onError, 'steps')
  if (handler) step.lists.push(stepList(flow, handler, `${step.path}.on_error`, step, kinds, { title: 'On error' }))
  return step
}

// ownOf says where the arguments of a step's kind are: inline has the parameter that the value of the kind's key stands for, and the
// others are beside it; without it they are members of that value.
function ownOf(step) {
  const { kind, at } = step
  const inline = kind.params.find(param => param.inline)
  const own = at.value
  const names = new Set(kind.params.map(param => param.name))
  const members = isMap(own) && (!own.entries.length || own.entries.some(entry => names.has(entry.key)))
  if (inline && (!isMap(own) || inline.holds || !members)) return { inline: inline.name, entry: at, beside: step.map }
  return { inline: '', entry: at, beside: isMap(own) ? own : null }
}

// argument returns the entry of a parameter of a step; undefined: it is not given.
function argument(step, name) {
  if (step.own.inline === name) return step.own.entry
  const entry = entryOf(step.own.beside, name)
  return entry === step.at ? undefined : entry
}

// listsIn finds the lists of nested steps of a step.
function* listsIn(flow, step, params, own, path, kinds) {
  for (const param of params) {
    const entry = own.beside !== undefined ? argument(step, param.name) : entryOf(own, param.name)
    if (param.type === 'steps' && (entry || param.required && isBranching(step))) {
      yield stepList(flow, entry, branchPath(path, param.name), step, kinds, { title: param.name === 'steps' ? 'Steps' : param.name, param: param.name })
    } else if (param.type === 'list' && entry && isList(entry.value)) {
      const hasSteps = param.fields?.some(field => field.type === 'steps')
      if (!hasSteps) continue
      for (const [i, item] of entry.value.items.entries()) {
        for (const field of param.fields.filter(field => field.type === 'steps')) {
          const inner = entryOf(item.value, field.name)
          if (!inner) continue
          const when = textOf(memberOf(item.value, 'when')), name = textOf(memberOf(item.value, 'branch'))
          const title = field.name === 'else' ? 'Else' : entryOf(item.value, 'when') ? `If ${spoken(when)}` : name || `Branch ${i + 1}`
          yield stepList(flow, inner, branchPath(`${path}.${i + 1}`, field.name), step, kinds, { title, element: { entry, item, index: i, map: item.value }, param: field.name })
        }
      }
    }
  }
}

// spoken is a condition in words, where the builder of conditions could have written it.
function spoken(program) {
  const read = program && readCondition(program)
  return read ? `${read.path} ${read.comparison} ${read.value}`.trim() : program || '…'
}

const isBranching = step => step.kind.params.some(param => param.type === 'steps' && param.required)

// branchPath returns the path of nested steps, as the compiler makes it.
function branchPath(path, param) {
  if (param === 'steps') return path
  const cut = path.lastIndexOf('.')
  if (param === 'else' && cut > 0 && /^\d+$/.test(path.slice(cut + 1))) return path.slice(0, cut) + '.else'
  return `${path}.${param}`
}

// detailOf is the main argument of a step on one line.
function detailOf(step) {
  if (!step.kind) return 'a step needs a kind'
  if (step.operation) return step.operation
  const own = step.at.value
  if (own?.shape === 'scalar') return oneLine(textOf(own))
  if (!isMap(own)) return ''
  for (const method of ['get', 'post', 'put', 'patch', 'delete', 'head', 'options']) {
    const url = step.kind.name === 'http' && memberOf(own, method)
    if (url) return method.toUpperCase() + ' ' + oneLine(textOf(url))
  }
  for (const param of step.kind.params) {
    const value = memberOf(own, param.name)
    if ((param.required || param.oneOf) && value?.shape === 'scalar') return oneLine(textOf(value))
  }
  return own.entries.map(entry => entry.key).join(', ')
}

const oneLine = text => text.replace(/\s+/g, ' ').trim()

// before returns the steps whose results the programs of a step may read by name, the nearest first.
function before(step) {
  const found = []
  for (let at = step; at; at = at.list.of) {
    for (let i = at.index - 1; i >= 0; i--) found.push(at.list.steps[i])
    if (at.list.of) continue
  }
  return found
}

// stepAt returns the innermost step around a position of the text; null: none.
function stepAt(flow, position) {
  let found = null
  for (const step of flow.all) if (step.from <= position && position <= step.to && (!found || step.to - step.from <= found.to - found.from)) found = step
  return found
}

// references are the positions of a step's name in programs: of $steps.NAME, and of the keys of mocks and sent in tests.
function references(flow, name) {
  const { doc } = flow, found = []
  const form = new RegExp(`\\$steps(?:\\.(${name})(?![\\w])|\\["(${name})"\\])`, 'g')
  const walk = node => {
    if (isMap(node)) for (const entry of node.entries) walk(entry.value)
    else if (isList(node)) for (const item of node.items) walk(item.value)
    else if (node) {
      const raw = doc.text.slice(node.from, node.to)
      for (const match of raw.matchAll(form)) {
        const from = node.from + match.index + match[0].indexOf(name, 6)
        found.push({ from, to: from + name.length })
      }
    }
  }
  walk(flow.root)
  const tests = memberOf(flow.root, 'tests')
  for (const test of isList(tests) ? tests.items : []) {
    for (const part of ['mocks', 'sent']) {
      const entry = entryOf(memberOf(test.value, part), name)
      if (entry) found.push({ from: entry.keyFrom, to: entry.keyTo, key: true })
    }
  }
  return found
}

// renamed changes the name of a step, and what refers to it.
function renamed(flow, step, name) {
  const changes = step.name ? references(flow, step.name).map(at => ({ from: at.from, to: at.to, insert: name })) : []
  const entry = entryOf(step.map, 'name')
  return [...(entry ? setValue(flow.doc, entry, columnOf(flow.doc.text, entry.from), name) : putFirst(flow.doc, step.map, 'name', name)), ...changes]
}

// freeName returns a name that no step has.
function freeName(flow, wanted) {
  const taken = new Set(flow.all.map(step => step.name))
  const base = wanted.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_').slice(0, 60) || 'step'
  for (let i = 1; ; i++) if (!taken.has(i === 1 ? base : `${base}_${i}`)) return i === 1 ? base : `${base}_${i}`
}

// setArgument gives a parameter of a step a value; undefined removes it.
function setArgument(flow, step, name, value) {
  const { doc } = flow, entry = argument(step, name)
  if (value === undefined) {
    if (!entry) return []
    if (entry === step.at) return setValue(doc, entry, columnOf(doc.text, entry.from), null)
    if (step.own.beside !== step.map && step.own.beside.entries.length === 1) return setValue(doc, step.at, columnOf(doc.text, step.at.from), {})
    return removeEntry(doc, step.own.beside, name)
  }
  if (entry) return setValue(doc, entry, columnOf(doc.text, entry.from), value)
  if (step.own.beside?.entries.length) return addEntry(doc, step.own.beside, name, value)
  const inline = step.kind.params.find(param => param.inline)
  return setValue(doc, step.at, columnOf(doc.text, step.at.from), inline?.name === name ? value : { [name]: value })
}
