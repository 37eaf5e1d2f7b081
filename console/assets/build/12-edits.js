// ---- Edits of the text -------------------------------------------------------------------------------------------------------
//
// An edit is a list of changes { from, to, insert } of one text, which do not overlap. What they do not touch stays as it is. A
// change that this cannot make throws a Refused.

class Refused extends Error {}

const replace = (from, to, insert) => [{ from, to, insert }]

function applied(text, changes) {
  let result = '', at = 0
  for (const change of [...changes].sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (change.from < at) throw new Refused('the changes overlap')
    result += text.slice(at, change.from) + change.insert
    at = change.to
  }
  return result + text.slice(at)
}

// setEntry gives a member of a mapping a value. map is a node, or the entry or item whose value is missing.
function setEntry(doc, map, key, value) {
  const entry = entryOf(map, key)
  if (entry) return setValue(doc, entry, columnOf(doc.text, entry.from), value)
  return addEntry(doc, map, key, value)
}

// setValue replaces the value of an entry. column is that of its key.
function setValue(doc, entry, column, value) {
  const { text } = doc, old = entry.value
  if (isWithinFlow(doc, entry)) return old ? replace(old.from, old.to, flowText(value)) : replace(entry.colon, entry.colon, ' ' + flowText(value))
  const written = afterKey(value, column), cut = written.includes('\n') ? written.indexOf('\n') : written.length
  const head = written.slice(0, cut), rest = written.slice(cut) // rest is below the line of the key, on which a comment stays
  if (!old) return joined(replace(entry.colon, entry.colon, head), replace(lineEnd(text, entry.colon), lineEnd(text, entry.colon), rest))
  const keyLine = lineEnd(text, entry.colon), end = lineEnd(text, old.to)
  if (old.from > keyLine) return joined(replace(entry.colon, entry.colon, head), replace(keyLine, old.to, ''), replace(end, end, rest))
  return joined(replace(entry.colon, old.to, head), replace(end, end, rest))
}

// joined are changes without those that change nothing.
const joined = (...all) => all.flat().filter(change => change.insert || change.from !== change.to)

// isWithinFlow reports whether an entry is a member of { }.
const isWithinFlow = (doc, entry) => flowEntries(doc).has(entry.from)

// flowEntries returns the positions of all entries within { }.
function flowEntries(doc) {
  if (doc.flows) return doc.flows
  doc.flows = new Set()
  const walk = node => {
    if (isMap(node)) for (const entry of node.entries) { if (node.flow) doc.flows.add(entry.from); walk(entry.value) }
    if (isList(node)) node.items.forEach(item => walk(item.value))
  }
  walk(doc.root)
  return doc.flows
}

// addEntry adds a member at the end of a mapping.
function addEntry(doc, map, key, value) {
  const { text } = doc
  if (!isMap(map)) throw new Refused('there is no mapping here')
  if (map.flow) {
    const member = `${scalarText(key, true)}: ${flowText(value)}`
    const last = map.entries.at(-1)
    return last ? replace(last.to, last.to, ', ' + member) : replace(map.from, map.to, `{${member}}`)
  }
  const column = columnOf(text, map.entries[0].from), end = lineEnd(text, map.to)
  return replace(end, end, '\n' + pad(column) + scalarText(key, false) + ':' + afterKey(value, column))
}

// putFirst adds a member at the beginning of a mapping, as `name` of a step.
function putFirst(doc, map, key, value) {
  const { text } = doc, first = map.entries[0]
  if (map.flow) return first ? replace(first.from, first.from, `${scalarText(key, true)}: ${flowText(value)}, `) : addEntry(doc, map, key, value)
  const column = columnOf(text, first.from)
  return replace(first.from, first.from, scalarText(key, false) + ':' + afterKey(value, column) + '\n' + pad(column))
}

// removeEntry removes a member of a mapping.
function removeEntry(doc, map, key) {
  const { text } = doc, at = map.entries.findIndex(entry => entry.key === key)
  if (at < 0) return []
  const entry = map.entries[at], next = map.entries[at + 1], before = map.entries[at - 1]
  if (map.flow) {
    if (next) return replace(entry.from, next.from, '')
    return before ? replace(before.to, entry.to, '') : replace(entry.from, entry.to, '')
  }
  if (!next && !before) return replace(entry.from, entry.to, '{}')
  const start = lineStart(text, entry.from), end = lineEnd(text, entry.to)
  if (text.slice(start, entry.from).trim()) { // behind a dash: what follows takes its place
    const between = text.slice(end, next.from)
    return /#/.test(between) ? replace(entry.from, end, '') : replace(entry.from, next.from, '')
  }
  return end < text.length ? replace(start, end + 1, '') : replace(Math.max(0, start - 1), end, '')
}

// ---- Lists -------------------------------------------------------------------------------------------------------------------

// insertItem puts a value before the element with an index of the list that an entry has, or should have.
function insertItem(doc, entry, index, value) {
  return insertText(doc, entry, index, column => itemText(value, column), () => flowText(value))
}

// insertText is insertItem for an element that is written by block(column), or by flow() between [ and ].
function insertText(doc, entry, index, block, flow) {
  const { text } = doc, list = entry.value
  if (list && !isList(list) && !(list.shape === 'scalar' && list.value === null)) throw new Refused(`the value of ${entry.key} is no list: change it in the text`)
  if (isWithinFlow(doc, entry)) {
    const items = list?.items ?? []
    if (!items.length) return list ? replace(list.from, list.to, `[${flow()}]`) : replace(entry.colon, entry.colon, ` [${flow()}]`)
    return index < items.length ? replace(items[index].from, items[index].from, flow() + ', ') : replace(items.at(-1).to, items.at(-1).to, ', ' + flow())
  }
  const column = columnOf(text, entry.from) + 2
  if (!list || !isList(list) || !list.items.length) {
    const end = lineEnd(text, list ? list.to : entry.colon)
    return [...(list ? replace(entry.colon, list.to, '') : []), ...replace(end, end, '\n' + block(column))]
  }
  if (list.flow) return expanded(doc, entry, index, block(column))
  const dashes = columnOf(text, list.items[0].dash)
  if (text.slice(lineStart(text, list.items[0].dash), list.items[0].dash).trim()) throw new Refused('this list is written in one line with another one: change it in the text')
  if (index > 0) {
    const end = lineEnd(text, list.items[index - 1].to)
    return replace(end, end, '\n' + block(dashes))
  }
  const start = leadStart(text, list.items[0].dash)
  return replace(start, start, block(dashes) + '\n')
}

// expanded writes the list of an entry, which is between [ and ], as lines with one more element.
function expanded(doc, entry, index, added) {
  const { text } = doc, list = entry.value, column = columnOf(text, entry.from) + 2
  const inside = text.slice(list.from, list.to)
  if (/#/.test(inside.replace(/"(\\.|[^"\\])*"|'[^']*'/g, '')) || /\n/.test(inside)) throw new Refused('this list is written between [ and ] over several lines: change it in the text')
  const lines = list.items.map(item => pad(column) + '- ' + text.slice(item.from, item.to))
  lines.splice(index, 0, added)
  const end = lineEnd(text, list.to)
  return [...replace(entry.colon, list.to, ''), ...replace(end, end, '\n' + lines.join('\n'))]
}

// leadStart returns the start of the comment lines directly above an element, which belong to it.
function leadStart(text, dash) {
  const column = columnOf(text, dash)
  let start = lineStart(text, dash)
  while (start > 0) {
    const above = lineStart(text, start - 1), line = text.slice(above, start - 1)
    if (!line.trimStart().startsWith('#') || line.length - line.trimStart().length !== column) break
    start = above
  }
  return start
}

// removeItem removes an element of the list of an entry. Comments above it stay.
function removeItem(doc, entry, index) {
  const { text } = doc, list = entry.value, items = list.items, item = items[index]
  if (list.flow) {
    if (items[index + 1]) return replace(item.from, items[index + 1].from, '')
    return index ? replace(items[index - 1].to, item.to, '') : replace(item.from, item.to, '')
  }
  const start = lineStart(text, item.dash), end = lineEnd(text, item.to)
  if (text.slice(start, item.dash).trim()) throw new Refused('this list is written in one line with another one: change it in the text')
  const gone = end < text.length ? replace(start, end + 1, '') : replace(Math.max(0, start - 1), end, '')
  return items.length > 1 ? gone : [...replace(entry.colon, entry.colon, ' []'), ...gone]
}

// copyItem puts a copy of an element behind it. change changes the copy's text.
function copyItem(doc, entry, index, change = text => text) {
  const { text } = doc, list = entry.value, item = list.items[index]
  const raw = change(text.slice(item.from, item.to))
  if (list.flow) return replace(item.to, item.to, ', ' + raw)
  const end = lineEnd(text, item.to)
  return replace(end, end, '\n' + pad(columnOf(text, item.dash)) + raw)
}

// moveItem moves an element of the list of one entry before the element with an index of another list, or of the same.
function moveItem(doc, entry, index, to, at) {
  const { text } = doc, item = entry.value.items[index]
  const same = entry.from === to.from
  if (same && (at === index || at === index + 1)) return []
  if (!same && to.from > item.from && to.from < item.to) throw new Refused('a step cannot be moved into itself')
  if (same && entry.value.flow) return reordered(doc, entry, index, at)
  const listed = entry.value.flow
  const start = listed ? item.from : leadStart(text, item.dash)
  const end = listed ? item.to : lineEnd(text, item.to)
  const from = listed ? 0 : columnOf(text, item.dash)
  const raw = text.slice(start, end)
  const block = column => {
    if (listed) return pad(column) + '- ' + raw
    return pad(column) + shifted(raw.slice(from), column - from)
  }
  const inserted = insertText(doc, to, at, block, () => {
    const one = text.slice(item.value.from, item.to)
    if (/\n/.test(text.slice(start, end)) || !item.value.flow) return flowText(withoutComments(text.slice(start, end), item.value))
    return one
  })
  const items = entry.value.items
  let removed
  if (listed) removed = removeItem(doc, entry, index)
  else {
    const behind = inserted.some(change => change.from === end) // where the lines end that go
    removed = end < text.length && !behind ? replace(start, end + 1, '') : replace(Math.max(0, start - 1), end, '')
    if (items.length === 1) removed.push(...replace(entry.colon, entry.colon, ' []'))
  }
  return [...removed, ...inserted]
}

// withoutComments returns the value of a node, which is written anew; a comment would be lost.
function withoutComments(raw, node) {
  if (/(^|\s)#/.test(raw.replace(/"(\\.|[^"\\])*"|'[^']*'/g, ''))) throw new Refused('this step has comments, and the list where it should go is written in one line: change it in the text')
  return plainOf(node)
}

function reordered(doc, entry, index, at) {
  const { text } = doc, items = entry.value.items
  const raw = items.map(item => text.slice(item.from, item.to))
  const [moved] = raw.splice(index, 1)
  raw.splice(at > index ? at - 1 : at, 0, moved)
  return items.flatMap((item, i) => raw[i] === text.slice(item.from, item.to) ? [] : replace(item.from, item.to, raw[i]))
}
