// ---- Slots -------------------------------------------------------------------------------------------------------------------
//
// A slot is a place of the text that a field of a form shows and changes: entry() is what is there now, undefined if nothing is, and
// set(value) returns the changes that write a value; undefined removes it. Slots look at the text anew each time.

// argumentSlot is a parameter of the step that step() returns.
const argumentSlot = (view, step, name) => ({
  entry: () => { const at = step(); return at?.kind ? argument(at, name) : undefined },
  set: value => setArgument(view.flow, step(), name, value),
})

// attributeSlot is a field beside the kind of a step, such as timeout.
const attributeSlot = (view, step, name) => ({
  entry: () => entryOf(step()?.map, name),
  set: value => value === undefined ? removeEntry(view.doc, step().map, name) : setEntry(view.doc, step().map, name, value),
})

// topSlot is a field of the flow itself.
const topSlot = (view, name) => ({
  entry: () => entryOf(view.doc.root, name),
  set: value => value === undefined ? removeEntry(view.doc, view.doc.root, name) : setEntry(view.doc, view.doc.root, name, value),
})

// memberSlot is a field of the mapping in another slot. inline is the field that the value itself stands for if it is no mapping.
const memberSlot = (view, outer, name, inline = '') => ({
  entry: () => {
    const at = outer.entry()
    if (at && !isMap(at.value)) return name === inline && at.value ? at : undefined
    return entryOf(at?.value, name)
  },
  set: value => {
    const at = outer.entry(), map = isMap(at?.value) && at.value.entries.length ? at.value : null
    if (value === undefined) {
      if (!map) return name === inline ? outer.set(undefined) : []
      return map.entries.length === 1 && entryOf(map, name) ? outer.set(undefined) : removeEntry(view.doc, map, name)
    }
    if (map) return setEntry(view.doc, map, name, value)
    if (name === inline) return outer.set(value)
    const kept = inline && at?.value && !isMap(at.value) ? { [inline]: plainOf(at.value) } : {}
    return outer.set({ ...kept, [name]: value })
  },
})

// wordSlot is a field of an object of which one field's name alone is a short form, as in `trigger: webhook`.
const wordSlot = (view, outer, word) => ({
  entry: () => {
    const at = outer.entry()
    return isMap(at?.value) ? entryOf(at.value, word) : undefined
  },
  set: value => {
    const at = outer.entry()
    if (isMap(at?.value)) {
      const inner = entryOf(at.value, word)
      return inner && (value === undefined || isBlockless(value)) && at.value.entries.length === 1 ? outer.set(word) : setEntry(view.doc, at.value, word, value ?? null)
    }
    return value === undefined ? [] : outer.set({ [word]: value })
  },
})

const isBlockless = value => value && typeof value === 'object' && !Object.keys(value).length

// elementSlot is an element of the list in another slot.
const elementSlot = (view, outer, index) => ({
  entry: () => {
    const list = outer.entry()?.value
    const item = isList(list) ? list.items[index] : index === 0 && isMap(list) ? { value: list } : undefined
    return item && { key: '', value: item.value, from: item.value?.from ?? item.from, to: item.to, colon: item.from + 1 }
  },
  set: value => {
    const list = plainOf(outer.entry()?.value)
    const all = Array.isArray(list) ? list : list === null ? [] : [list]
    return outer.set(value === undefined ? all.filter((_, i) => i !== index) : Object.assign([...all], { [index]: value }))
  },
})

// Yaml is YAML of one or several lines, without indentation, that is written as it is.
class Yaml extends Raw {
  lines(column) {
    return this.text.includes('\n') ? '\n' + this.text.split('\n').map(line => line.trim() ? pad(column + 2) + line : '').join('\n') : ' ' + this.text
  }
}

// rawText returns the YAML of a node without its indentation.
function rawText(doc, entry) {
  if (!entry?.value) return ''
  const { text } = doc, { from, to } = entry.value
  return shifted(text.slice(from, to), -columnOf(text, from))
}

// typed returns what a person means who types a text into a field of any value: a number stays one, unless the text was in quotes.
function typed(text, old) {
  if (old?.shape === 'scalar' && typeof old.value === 'string' && old.style && old.style !== '|') return text
  if (/^(true|false)$/.test(text)) return text === 'true'
  return numberForm.test(text) && String(Number(text)) === text ? Number(text) : text
}
