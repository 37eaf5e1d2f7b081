// The Build view of the editor: the steps of a flow as a list with forms. Its parts are served as one module, in the order of
// their names. Every change is an edit of the text of the editor, which both views show.

// ---- The text as nodes -------------------------------------------------------------------------------------------------------
//
// node   = { shape: 'map'|'seq'|'scalar', from, to, flow, style, entries|items, value }    flow: within { } or [ ]
// entry  = { key, keyFrom, keyTo, colon, from, to, value: node|null }                       of a map
// item   = { from, to, dash, value: node|null }                                            of a list; dash -1: within [ ]

// readText returns the nodes of the first document of a text. parser is that of the editor.
function readText(text, parser) {
  const tree = parser.parse(text)
  const doc = { text, root: null, broken: false }
  const top = tree.topNode.getChild('Document')
  const end = top ? top.to : 0
  tree.iterate({ to: end, enter: at => { if (at.type.isError) doc.broken = true } })
  if (top) doc.root = nodeOf(valueChild(top), text, false)
  return doc
}

const valueNames = new Set(['BlockMapping', 'BlockSequence', 'FlowMapping', 'FlowSequence', 'QuotedLiteral', 'Literal', 'BlockLiteral', 'Alias', 'Tagged', 'Anchored'])

// valueChild returns the last child that is a value: before it may be a key, an anchor or a tag.
function valueChild(at) {
  let found = null
  for (let child = at.firstChild; child; child = child.nextSibling) if (valueNames.has(child.name)) found = child
  return found
}

function nodeOf(at, text, flow) {
  if (!at) return null
  switch (at.name) {
    case 'Anchored': case 'Tagged': {
      const inner = nodeOf(valueChild(at), text, flow)
      return inner && { ...inner, from: at.from, marked: true }
    }
    case 'BlockMapping': case 'FlowMapping': return mapOf(at, text, flow || at.name === 'FlowMapping')
    case 'BlockSequence': case 'FlowSequence': return listOf(at, text, flow || at.name === 'FlowSequence')
  }
  const raw = text.slice(at.from, at.to)
  const style = at.name === 'QuotedLiteral' ? raw[0] : at.name === 'BlockLiteral' ? '|' : at.name === 'Alias' ? '*' : ''
  return { shape: 'scalar', from: at.from, to: at.to, flow, style, value: scalarValue(raw, style) }
}

function mapOf(at, text, flow) {
  const map = { shape: 'map', from: at.from, to: at.to, flow, entries: [] }
  for (let pair = at.firstChild; pair; pair = pair.nextSibling) {
    if (pair.name !== 'Pair') continue
    const key = pair.getChild('Key'), colon = pair.getChild(':')
    if (!key) continue
    const raw = text.slice(key.from, key.to)
    let value = null
    for (let child = key.nextSibling; child; child = child.nextSibling) if (valueNames.has(child.name)) value = child
    map.entries.push({
      key: String(scalarValue(raw, /^['"]/.test(raw) ? raw[0] : '')), keyFrom: key.from, keyTo: key.to, colon: colon ? colon.to : key.to,
      from: pair.from, to: pair.to, value: nodeOf(value, text, flow),
    })
  }
  if (at.name === 'BlockMapping' && map.entries.length) {
    map.from = map.entries[0].from
    map.to = map.entries.at(-1).to
  }
  return map
}

function listOf(at, text, flow) {
  const list = { shape: 'seq', from: at.from, to: at.to, flow, items: [] }
  let dash = -1
  for (let child = at.firstChild; child; child = child.nextSibling) {
    if (child.name === '-') {
      if (dash >= 0) list.items.push({ from: dash, to: dash + 1, dash, value: null })
      dash = child.from
    }
    if (child.name !== 'Item') continue
    const value = nodeOf(valueChild(child), text, flow)
    list.items.push(dash >= 0 ? { from: dash, to: value ? value.to : child.to, dash, value } : { from: value ? value.from : child.from, to: value ? value.to : child.to, dash: -1, value })
    dash = -1
  }
  if (dash >= 0) list.items.push({ from: dash, to: dash + 1, dash, value: null })
  return list
}

const numberForm = /^[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$/
const wordForm = /^(true|false|yes|no|on|off|null|~)$/i

// scalarValue returns what a scalar means: a string, a number, true, false or null.
function scalarValue(raw, style) {
  switch (style) {
    case '"':
      return unescapeDouble(raw.slice(1, raw.endsWith('"') && raw.length > 1 ? -1 : undefined))
    case "'":
      return raw.slice(1, raw.endsWith("'") && raw.length > 1 ? -1 : undefined).replaceAll("''", "'").replace(/[ \t]*\n[ \t]*/g, ' ')
    case '|':
      return blockValue(raw)
    case '*':
      return raw
  }
  const text = raw.replace(/[ \t]*\n[ \t]*/g, ' ').trim()
  if (text === '' || text === '~' || /^null$/i.test(text)) return null
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true'
  if (numberForm.test(text) && String(Number(text)) === text) return Number(text)
  return text
}

const escapes = { n: '\n', t: '\t', r: '\r', 0: '\0', e: '\x1b', a: '\x07', b: '\b', f: '\f', v: '\v', N: '\x85', _: '\xa0', L: '\u2028', P: '\u2029' }

function unescapeDouble(raw) {
  return raw.replace(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|\r?\n[ \t]*|([^]))|[ \t]*\r?\n[ \t]*/g, (all, x, u, long, one) => {
    const code = x ?? u ?? long
    if (code) return String.fromCodePoint(Math.min(parseInt(code, 16), 0x10ffff))
    if (one !== undefined) return escapes[one] ?? one
    return all[0] === '\\' ? '' : ' '
  })
}

function blockValue(raw) {
  const header = /^([|>])([-+0-9]*)[^\n]*\n?/.exec(raw)
  if (!header) return raw
  const lines = raw.slice(header[0].length).split('\n')
  const first = lines.find(line => line.trim())
  const indent = first ? first.length - first.trimStart().length : 0
  const text = lines.map(line => line.slice(Math.min(indent, line.length - line.trimStart().length))).join(header[1] === '|' ? '\n' : ' ')
  return header[2].includes('-') || !text ? text : text + '\n'
}

// ---- Looking around ----------------------------------------------------------------------------------------------------------

const isMap = node => node?.shape === 'map'
const isList = node => node?.shape === 'seq'
const entryOf = (map, key) => isMap(map) ? map.entries.find(entry => entry.key === key) : undefined
const memberOf = (map, key) => entryOf(map, key)?.value ?? null
const textOf = node => node?.shape === 'scalar' && node.value !== null ? String(node.value) : ''

// plainOf returns a node as JavaScript has it.
function plainOf(node) {
  if (!node) return null
  if (isMap(node)) return Object.fromEntries(node.entries.map(entry => [entry.key, plainOf(entry.value)]))
  return isList(node) ? node.items.map(item => plainOf(item.value)) : node.value
}

const lineStart = (text, at) => text.lastIndexOf('\n', at - 1) + 1
const lineEnd = (text, at) => { const end = text.indexOf('\n', at); return end < 0 ? text.length : end }
const columnOf = (text, at) => at - lineStart(text, at)
const lineOf = (text, at) => { let n = 1; for (let i = text.indexOf('\n'); i >= 0 && i < at; i = text.indexOf('\n', i + 1)) n++; return n }
