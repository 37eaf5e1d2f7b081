// The property of every edit that the Build view makes of the text of a flow: the text then means what the edit says and nothing else,
// comments and the lines that it does not touch are the same bytes, and the inverse changes give the text as it was. The function runs
// in a page of the console. sources are pairs of a name and a text; every is the part of the moves that is tried: one of that many.
export async function holdProperty({ sources, every }) {
  const { edits: b } = await import('/console/assets/build.js')
  const { yaml } = await import('/console/assets/vendor/codemirror.js')
  const kinds = (await (await fetch('/console/build/catalogue.json')).json()).kinds
  const catalogue = { kinds, trigger: [], byName: new Map(kinds.map(kind => [kind.name, kind])) }
  const { parser } = yaml().language
  const faults = [], counts = {}
  let tried = 0
  const comments = text => [...text.matchAll(/(?:^|\s)#[^\n]*/g)].map(match => match[0].trim()).sort()
  const same = (x, y) => JSON.stringify(x) === JSON.stringify(y)

  // pathOf is the way from a node to an entry: names of members, and indices.
  const pathOf = (node, entry, path = []) => {
    if (node?.shape === 'map') {
      for (const one of node.entries) {
        if (one.keyFrom === entry.keyFrom) return [...path, one.key]
        const found = pathOf(one.value, entry, [...path, one.key])
        if (found) return found
      }
    }
    if (node?.shape === 'seq') {
      for (const [i, item] of node.items.entries()) {
        const found = pathOf(item.value, entry, [...path, i])
        if (found) return found
      }
    }
    return null
  }
  const at = (value, path) => path.reduce((inner, key) => inner[key], value)

  for (const [file, text] of sources) {
    const doc = b.readText(text, parser)
    const flow = b.readFlow(doc, catalogue)
    const value = b.plainOf(doc.root)

    // hold makes an edit and checks it. expect changes the value as the edit should. lost: what is taken out takes its comments along.
    const hold = (kind, what, make, expect, lost = false) => {
      const fail = why => faults.push(`${file}: ${kind} ${what}: ${why}`)
      let changes
      try { changes = make() } catch (error) { if (error instanceof b.Refused) { counts.refused = (counts.refused ?? 0) + 1; return } return fail(error.stack) }
      counts[kind] = (counts[kind] ?? 0) + 1
      const sorted = [...changes].sort((x, y) => x.from - y.from || x.to - y.to)
      const after = b.applied(text, sorted)
      let shift = 0
      const inverse = sorted.map(change => {
        const from = change.from + shift
        shift += change.insert.length - (change.to - change.from)
        return { from, to: from + change.insert.length, insert: text.slice(change.from, change.to) }
      })
      if (b.applied(after, inverse) !== text) fail('the inverse gives another text')
      const next = b.readText(after, parser)
      if (next.broken) return fail('the text is broken:\n' + after)
      const want = structuredClone(value)
      expect(want)
      if (!same(b.plainOf(next.root), want)) return fail('it means something else:\n' + after)
      const touched = new Set()
      for (const { from, to } of sorted) for (let line = text.slice(0, from).split('\n').length; line <= text.slice(0, to).split('\n').length; line++) touched.add(line)
      let place = 0
      const lines = after.split('\n')
      for (const [i, line] of text.split('\n').entries()) {
        if (touched.has(i + 1)) continue
        const found = lines.indexOf(line, place)
        if (found < 0) return fail(`line ${i + 1} is another one:\n` + after)
        place = found + 1
      }
      const left = comments(after)
      for (const comment of lost ? [] : comments(text)) if (!left.includes(comment)) return fail(`the comment ${comment} is gone:\n` + after)
    }

    const added = { name: 'added', http: { get: 'https://example.org/${ .id }', query: { a: '${ .a }', 'b c': 'x: y #z' } }, script: 'const a = 1;\n\nreturn a;\n' }
    const lists = [flow.steps, flow.onFailure, ...flow.all.flatMap(step => step.lists)].filter(list => list?.entry)
    for (const list of lists) {
      const path = pathOf(doc.root, list.entry), n = list.steps.length
      for (const i of new Set([0, n >> 1, n])) hold('insert', `${path} ${i}`, () => b.insertItem(doc, list.entry, i, added), v => { at(v, path).splice(i, 0, added) })
      for (const step of list.steps.filter(one => one.map && one.kind)) {
        const i = step.index, where = `${path} ${i}`
        const put = (name, member) => tried++ % 2 || hold('set', `${where} ${name}`, () => b.setEntry(doc, step.map, name, member), v => { at(v, path)[i][name] = member }, Boolean(b.entryOf(step.map, name)))
        hold('remove', where, () => b.removeItem(doc, list.entry, i), v => { at(v, path).splice(i, 1) }, true)
        hold('duplicate', where, () => b.copyItem(doc, list.entry, i), v => { const all = at(v, path); all.splice(i + 1, 0, structuredClone(all[i])) })
        hold('name', where, () => b.renamed(flow, { ...step, name: '' }, 'newname'), v => { const all = at(v, path); all[i] = 'name' in all[i] ? { ...all[i], name: 'newname' } : { name: 'newname', ...all[i] } })
        put('timeout', '7s')
        put('if', '.a == "x: #y"')
        put('retry', { attempts: 3, on: ['timeout', '5xx'] })
        for (const entry of step.map.entries) {
          hold('drop', `${where} ${entry.key}`, () => b.removeEntry(doc, step.map, entry.key), v => { delete at(v, path)[i][entry.key] }, true)
          for (const inner of entry.value?.shape === 'map' ? entry.value.entries : []) {
            if (tried++ % 3) continue
            const text = '${ .x + "a" } it\'s\nso'
            hold('set', `${where} ${entry.key}.${inner.key}`, () => b.setEntry(doc, entry.value, inner.key, text), v => { at(v, path)[i][entry.key][inner.key] = text }, true)
            hold('drop', `${where} ${entry.key}.${inner.key}`, () => b.removeEntry(doc, entry.value, inner.key), v => { delete at(v, path)[i][entry.key][inner.key] }, true)
          }
        }
        for (const to of lists) {
          if (to.entry.from > step.from && to.entry.from < step.to) continue // into itself
          for (const j of new Set([0, to.steps.length])) {
            if (to === list && (j === i || j === i + 1) || tried++ % every) continue
            const toPath = pathOf(doc.root, to.entry)
            hold('move', `${where} to ${toPath} ${j}`, () => b.moveItem(doc, list.entry, i, to.entry, j), v => {
              const from = at(v, path), target = at(v, toPath), [moved] = from.splice(i, 1)
              target.splice(to === list && j > i ? j - 1 : j, 0, moved)
            })
          }
        }
      }
    }
  }
  return { faults, counts }
}
