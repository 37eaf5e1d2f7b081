// ---- Picking a value ---------------------------------------------------------------------------------------------------------

// valuesFor lists what the programs of the selected step may read: { path, value, has, group, of }.
function valuesFor(view, step) {
  return sourcesOf(view.flow, step, view.sample, view.catalogue).flatMap(group => {
    const root = group.root || `$steps.${freeName(view.flow, group.of.label)}`
    return pathsOf(root, group.shape).map(one => ({ ...one, group: group.title, of: group.root ? null : group.of }))
  })
}

// expressionAt returns the part of an expression before a position of a text: { from, typed }; null: the position is in none. A
// program is an expression throughout, a template within ${ }.
function expressionAt(text, at, program) {
  const before = text.slice(0, at)
  if (!program && before.lastIndexOf('${') <= before.lastIndexOf('}')) return null
  const match = /[$.][\w.$[\]"-]*$/.exec(before)
  return match ? { from: match.index, typed: match[0] } : { from: at, typed: '' }
}

// insertValue puts the path of a value into an input, in the place of what is typed of it.
function insertValue(view, element, one, program, replaces = null) {
  if (one.of) view.edit(() => renamed(view.flow, view.current(one.of), one.path.slice('$steps.'.length).split(/[.[]/)[0]), { own: true })
  const { value } = element, start = element.selectionStart ?? value.length, end = element.selectionEnd ?? start
  const inside = expressionAt(value, start, program)
  let from = replaces ? replaces.from : start, text = one.path
  if (!program && !inside) text = '${ ' + one.path + ' }'
  else if (inside && !replaces && start === end) from = inside.typed ? inside.from : start
  if (program && !replaces && (element.dataset.path === 'condition/path' || start === 0 && end === value.length)) { from = 0; element.value = text }
  else element.value = value.slice(0, from) + text + value.slice(end)
  const at = from + text.length
  element.dispatchEvent(new Event('input', { bubbles: true }))
  element.focus()
  element.setSelectionRange(at, at)
}

// pickButton opens the picker of values for an input, and completes paths while they are typed.
function pickButton(view, element, more) {
  const program = Boolean(more.program)
  const open = () => picker(view, element, program, more)
  const opener = button('Pick', open, { class: 'pick', 'aria-label': `Pick a value for ${more.aria ?? more.label}`, title: 'Pick a value (Alt ↓)' })
  element.addEventListener('keydown', event => {
    if (event.altKey && event.key === 'ArrowDown') { event.preventDefault(); event.stopPropagation(); open() }
  })
  completeInput(view, element, program)
  return opener
}

// picker shows the values below an input, until one is chosen.
function picker(view, element, program, more) {
  closePicker()
  const step = view.selectedStep()
  const box = h('div', { class: 'picker' })
  const search = h('input', { type: 'text', role: 'combobox', 'aria-expanded': 'true', 'aria-autocomplete': 'list', 'aria-label': `Values for ${more.aria ?? more.label}`, placeholder: 'Search the values', autocomplete: 'off', spellcheck: 'false' })
  const list = h('div', { role: 'listbox', id: newId(), class: 'options', 'aria-label': 'Values' })
  search.setAttribute('aria-controls', list.id)
  const done = () => { box.remove(); element.focus() }
  const choose = one => { box.remove(); insertValue(view, element, one, program) }
  // fill lists the values; keep marks the one that was marked before, where it is still there.
  const fill = keep => {
    const marked = keep && list.querySelector('[aria-selected=true] code')?.textContent
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean)
    const all = valuesFor(view, step).filter(one => wanted.every(word => `${one.path} ${one.group} ${one.has ? shownValue(one.value) : ''}`.toLowerCase().includes(word)))
    options(list, all, one => one.group, one => [h('code', {}, one.path), h('span', { class: one.has ? 'now' : 'now faint' }, one.has ? shownValue(one.value) : Object.is(one.value, null) || one.value === undefined ? 'no value yet' : shownValue(one.value))], choose)
    const again = marked && [...list.querySelectorAll('[role=option]')].find(option => option.querySelector('code').textContent === marked)
    if (again) markOption(list, again)
    if (!all.length) list.append(h('p', { class: 'hint' }, wanted.length ? 'No value has these words.' : 'There are no values yet.'))
  }
  const refill = () => fill(true)
  search.addEventListener('input', () => fill(false))
  arrows(search, list, done)
  box.append(h('div', { class: 'picker-head' }, search, button('Close', done, { class: 'quiet' })), dataLine(view, refill), list)
  below(element).after(box)
  fill(false)
  search.focus()
  view.refreshData().then(fresh => { if (fresh && box.isConnected) { box.querySelector('.data-line').replaceWith(dataLine(view, refill)); refill() } })
}

const closePicker = () => { for (const box of document.querySelectorAll('#build .picker')) box.remove() }

// dataLine says where the values come from, and lets another sample be chosen.
function dataLine(view, changed) {
  const { samples, sample } = view
  const line = h('div', { class: 'data-line' })
  if (!samples.length) {
    line.append(h('p', { class: 'hint' }, 'There is no data yet: no run of the flow in the last day, and no test in the text. The names are those that the flow declares.'))
    return line
  }
  const from = h('select', { 'aria-label': 'Values from' }, samples.map((one, i) => h('option', { value: String(i), selected: one === sample }, one.kind === 'run' ? `the last run, ${new Date(one.at).toLocaleString()}` : `the test “${one.label}”`)))
  from.addEventListener('change', () => { view.sample = samples[Number(from.value)]; changed(); view.refreshPreviews() })
  line.append(h('label', {}, 'Values of ', from))
  if (sample.lacks === 'record') {
    line.append(h('p', { class: 'hint' }, 'The run did not record what its steps put out. ',
      textOf(memberOf(memberOf(view.doc.root, 'run'), 'record')) === 'items' ? 'The next one will.' : button('Record it from the next run on', () => { view.edit(() => memberSlot(view, topSlot(view, 'run'), 'record').set('items')); line.replaceWith(dataLine(view, changed)) }, { class: 'link' })))
  }
  if (sample.lacks === 'size') line.append(h('p', { class: 'hint' }, 'Values that are too large are left out.'))
  return line
}

// options fills a list box: groups with a heading each.
function options(list, all, groupOf, content, choose) {
  list.replaceChildren()
  let group = null, within = list
  for (const one of all) {
    if (groupOf(one) !== group) {
      group = groupOf(one)
      const id = newId()
      within = h('div', { role: 'group', 'aria-labelledby': id }, h('div', { class: 'group', id, role: 'presentation' }, group))
      list.append(within)
    }
    const option = h('div', { role: 'option', id: newId(), 'aria-selected': 'false' }, content(one))
    option.choose = () => choose(one)
    option.addEventListener('mousedown', event => event.preventDefault())
    option.addEventListener('click', option.choose)
    within.append(option)
  }
  markOption(list, list.querySelector('[role=option]'))
}

function markOption(list, option) {
  for (const old of list.querySelectorAll('[aria-selected=true]')) old.setAttribute('aria-selected', 'false')
  option?.setAttribute('aria-selected', 'true')
  const search = document.querySelector(`[aria-controls="${list.id}"]`)
  if (search) option ? search.setAttribute('aria-activedescendant', option.id) : search.removeAttribute('aria-activedescendant')
}

// arrows moves through the options of a list while the focus stays in its search field.
function arrows(search, list, done) {
  search.addEventListener('keydown', event => {
    const all = [...list.querySelectorAll('[role=option]')]
    const at = all.findIndex(option => option.getAttribute('aria-selected') === 'true')
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: Math.min(all.length - 1, at + 10), PageUp: Math.max(0, at - 10) }[event.key]
    if (next !== undefined && !event.altKey) {
      event.preventDefault()
      const option = all[(next + all.length) % all.length]
      markOption(list, option)
      option?.scrollIntoView({ block: 'nearest' })
    } else if (event.key === 'Enter') {
      event.preventDefault()
      event.stopPropagation()
      all[at]?.choose()
    } else if (event.key === 'Escape') {
      event.preventDefault()
      event.stopPropagation()
      done()
    }
  })
}

// completeInput offers the paths that begin with what is typed of one in an expression.
function completeInput(view, element, program) {
  let box = null, place = null
  const close = () => { box?.remove(); box = null; element.removeAttribute('aria-activedescendant') }
  const offer = event => {
    close()
    if (event.inputType && !/^insert/.test(event.inputType) && event.inputType !== 'deleteContentBackward') return
    place = expressionAt(element.value, element.selectionStart, program)
    if (!event.isTrusted || !place || !place.typed) return
    const all = valuesFor(view, view.selectedStep()).filter(one => one.path.startsWith(place.typed) && one.path !== place.typed).slice(0, 12)
    if (!all.length) return
    box = h('div', { class: 'picker complete' })
    const list = h('div', { role: 'listbox', id: newId(), class: 'options', 'aria-label': 'Completions' })
    box.append(list)
    below(element).after(box)
    const choose = one => { const at = place; close(); insertValue(view, element, one, program, at) }
    options(list, all, () => 'Values', one => [h('code', {}, one.path), h('span', { class: 'now' }, one.has ? shownValue(one.value) : '')], choose)
  }
  element.addEventListener('input', offer)
  element.addEventListener('blur', close)
  element.addEventListener('keydown', event => {
    if (!box || event.altKey) return
    const all = [...box.querySelectorAll('[role=option]')]
    const at = all.findIndex(option => option.getAttribute('aria-selected') === 'true')
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      markOption(box.firstChild, all[(at + (event.key === 'ArrowDown' ? 1 : -1) + all.length) % all.length])
    } else if (event.key === 'Enter') {
      event.preventDefault()
      all[at]?.choose()
    } else if (event.key === 'Escape') {
      event.preventDefault()
      event.stopPropagation()
      close()
    }
  })
}

// previewLine shows the value of a field with an expression, of the chosen sample.
function previewLine(view, slot, template) {
  const line = h('output', { class: 'value', hidden: true })
  line.refresh = () => view.preview(line, scalarOf(slot), template)
  return line
}
