// ---- The view ----------------------------------------------------------------------------------------------------------------

// View is the Build view of one editor.
class View extends Values {
  constructor(box, field, editor, cm, schema) {
    super()
    Object.assign(this, { box, field, editor, cm, parser: cm.yaml().language.parser })
    Object.assign(this, { doc: null, flow: null, rows: [], selected: 'trigger', anchor: null, problems: [], samples: [], sample: null, names: { connections: [], secrets: [], flows: [] } })
    Object.assign(this, { programs: new Set(), opened: new Set(), dirty: true, owning: false, previews: new Map(), dataFor: null })
    this.schemas = schema?.$defs
    this.number = field.form.elements.flow?.value ?? ''
  }

  async load() {
    const catalogue = await (await fetch(this.box.dataset.catalogue)).json()
    this.catalogue = { ...catalogue, byName: new Map(catalogue.kinds.map(kind => [kind.name, kind])) }
    this.frame()
    this.read()
    this.render(true)
    await this.refreshData()
  }

  // frame makes what does not change: the bar, the outline and the place of the form.
  frame() {
    const undo = (name, title, key) => button(name, () => this.history(key), { class: 'quiet small', title })
    this.status = h('p', { class: 'told', role: 'status' })
    this.tree = h('div', { role: 'tree', 'aria-label': 'Steps of the flow', class: 'outline' })
    this.form = h('div', { class: 'step-form', role: 'region', 'aria-label': 'What is selected' })
    this.broken = h('p', { class: 'callout warn', hidden: true })
    this.start = h('div', { class: 'start', hidden: true })
    this.body = h('div', { class: 'build-body' }, h('div', { class: 'build-list' }, this.tree), this.form)
    this.box.replaceChildren(
      h('div', { class: 'build-bar' }, button('+ Add a step', () => this.addAfter(this.row()), { class: 'small', title: 'Add a step (+)' }), undo('Undo', 'Undo (Ctrl Z)', 'Mod-z'), undo('Redo', 'Redo (Ctrl Y)', 'Mod-y'), this.status),
      this.broken, this.start, this.body)
    followOutline(this)
    this.box.addEventListener('keydown', event => {
      const key = event.key.toLowerCase()
      if ((event.ctrlKey || event.metaKey) && !event.altKey && (key === 'z' || key === 'y')) {
        event.preventDefault()
        this.history(key === 'y' || event.shiftKey ? 'Mod-y' : 'Mod-z')
      } else if (event.key === 'Escape' && !event.defaultPrevented && this.form.contains(event.target)) {
        event.stopPropagation()
        this.focusOutline()
      }
    })
    this.form.addEventListener('submit', event => event.preventDefault())
  }

  history(key) {
    const binding = this.cm.historyKeymap.find(one => one.key === key)
    const focused = this.focusPath(), inTree = this.tree.contains(document.activeElement)
    const step = this.anchored(), raw = step && rawOf(this.doc, step)
    this.owning = true
    binding.run(this.editor)
    this.owning = false
    this.read()
    if (step && this.flow) this.find(step, raw)
    this.render(true, focused)
    if (inTree) this.focusOutline()
  }

  // read reads the text, once the catalogue is there. While it is broken, the last flow that could be read stays.
  read() {
    if (!this.catalogue) return
    this.dirty = false
    const doc = readText(this.editor.state.doc.toString(), this.parser)
    const flow = doc.broken ? null : readFlow(doc, this.catalogue)
    this.isBroken = !flow
    this.brokenAt = doc.broken ? lineOf(doc.text, firstError(this.parser.parse(doc.text))) : 1
    if (flow) Object.assign(this, { doc, flow })
    if (flow && this.anchor) {
      const rows = rowsOf(flow)
      const row = rows.find(one => one.type === this.anchor.type && one.from === this.anchor.pos && (one.type !== 'branch' || one.key === this.selected)) ?? rows.find(one => one.type === this.anchor.type && one.from === this.anchor.pos)
      if (row) this.selected = row.key
    }
  }

  ensureFresh() { if (this.dirty) this.read() }

  // changed hears of each change of the editor's text.
  changed(update) {
    if (this.anchor) this.anchor.pos = update.changes.mapPos(this.anchor.pos, 1)
    this.dirty = true
    if (this.owning || this.box.hidden || !this.tree) return
    clearTimeout(this.timer)
    this.timer = setTimeout(() => { if (this.dirty) { this.read(); this.render(true) } }, Math.min(400, 60 + this.editor.state.doc.length / 500))
  }

  // checked hears of each result of the check of the text.
  checked(told) {
    const { doc } = this.editor.state
    this.problems = [...told.problems.map(p => [p, false]), ...(told.warnings ?? []).map(p => [p, true])].map(([p, warning]) => {
      const line = doc.line(Math.max(1, Math.min(p.line, doc.lines)))
      return { at: Math.min(line.to, line.from + Math.max(0, p.column - 1)), line: p.line, message: p.message, hint: p.hint, warning }
    })
    if (this.box.hidden || !this.catalogue) return
    this.ensureFresh()
    this.render(false)
  }

  // edit makes a change of the text: changes() returns it. own: the form that asked for it shows it already.
  edit(changes, { own = false, moved = null, focus = '', focusTree = false, select = '' } = {}) {
    this.ensureFresh()
    if (this.isBroken) return this.say('The text has a mistake: mend it there, or undo.')
    const raw = moved && rawOf(this.doc, moved)
    let made
    try {
      made = changes().filter(one => one.from !== one.to || one.insert)
      if (made.length && readText(applied(this.doc.text, made), this.parser).broken) throw new Refused('this value does not fit there: change it in the text')
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      this.say(error.message[0].toUpperCase() + error.message.slice(1) + '.')
      return false
    }
    if (!made.length) return false
    this.say('')
    this.owning = true
    this.editor.dispatch({ changes: made, userEvent: own ? 'input.type' : 'build' })
    this.owning = false
    this.read()
    if (moved) this.find(moved, raw)
    if (select) this.choose(select)
    this.render(!own, focus)
    if (focusTree) this.focusOutline()
    return true
  }

  // find selects a step of an earlier reading, which had that text, wherever it is now.
  find(step, raw) {
    const found = this.flow.all.find(one => rawOf(this.doc, one) === raw && one.name === step.name)
    if (found) this.choose('step ' + found.path)
  }

  say(text) { this.status.textContent = text }

  row() { return this.rows.find(row => row.key === this.selected) }

  selectedStep() { const row = this.row(); return row?.type === 'step' ? this.current(row.step) : row?.type === 'branch' && row.step ? this.current(row.step) : row?.type === 'trigger' ? null : this.flow.steps.steps.at(-1) ?? null }

  // current returns a step of an earlier reading as it is in the text now.
  current(step) {
    this.ensureFresh()
    return this.flow.all.includes(step) ? step : this.flow.all.find(one => one.path === step.path) ?? (this.anchor && this.flow.all.find(one => one.from === this.anchor.pos)) ?? null
  }

  // anchored is the step whose form is shown, wherever it is in the text now.
  anchored() {
    this.ensureFresh()
    return this.anchor?.type === 'step' ? this.flow.all.find(one => one.from === this.anchor.pos) ?? null : null
  }

  // keepTyped adds the fields whose names were typed and not added yet.
  keepTyped() { for (const fresh of this.form.querySelectorAll('[data-path$="/+"]')) if (fresh.value.trim()) fresh.put() }

  choose(key) {
    this.selected = key
    const row = rowsOf(this.flow).find(one => one.key === key)
    this.anchor = row && row.from !== undefined ? { type: row.type, pos: row.from } : null
  }

  // select shows the form of a row.
  select(key, focus = false) {
    this.ensureFresh()
    this.keepTyped()
    if (key !== this.selected) this.say('')
    this.choose(key)
    this.render(true)
    if (focus && innerWidth < 1000) this.form.scrollIntoView({ block: 'start', behavior: 'instant' })
  }

  focusOutline() { [...this.tree.children].find(row => row.dataset.key === this.selected)?.focus() }

  focusForm() { (this.form.querySelector('input.unfilled, textarea.unfilled') ?? this.form.querySelector('.field input, .field select, .field textarea, button.primary') ?? this.form.querySelector('button'))?.focus() }

  focusPath() { return this.form?.contains(document.activeElement) ? document.activeElement.dataset.path ?? '' : '' }

  // render shows the flow. whole: the form is made anew; the focus stays in the field of the same place, or goes to that of focus.
  render(whole, focus = '') {
    if (!this.flow) return this.renderBroken()
    const fresh = isFresh(this)
    this.start.hidden = !fresh
    this.body.hidden = fresh
    this.box.querySelector('.build-bar').hidden = fresh
    if (fresh) return drawStart(this)
    this.renderBroken()
    drawOutline(this)
    if (!this.row()) { this.choose('trigger'); markSelected(this) }
    if (whole) {
      const path = focus || this.focusPath(), active = document.activeElement
      const at = this.form.contains(active) && active.selectionStart !== undefined ? active.selectionStart : null
      const had = this.form.contains(active)
      const row = this.row()
      const pending = this.formOf === this.selected ? [...this.form.querySelectorAll('[data-path$="/+"]')].filter(one => one.value).map(one => [one.dataset.path, one.value]) : []
      this.formOf = this.selected
      this.form.replaceChildren(...formOf(this, row).flat(Infinity).filter(Boolean))
      for (const [place, value] of pending) { const one = this.form.querySelector(`[data-path="${CSS.escape(place)}"]`); if (one) one.value = value }
      this.form.inert = this.isBroken
      const target = path && this.form.querySelector(`[data-path="${CSS.escape(path)}"]`)
      if (target) {
        target.focus()
        if (at !== null && target.setSelectionRange && !focus) try { target.setSelectionRange(at, at) } catch { /* a field without a cursor */ }
      } else if (had || focus) this.focusForm()
    }
    showMistakes(this)
    this.refreshPreviews()
  }

  renderBroken() {
    this.broken.hidden = !this.isBroken
    this.body.classList.toggle('dimmed', this.isBroken)
    this.form.inert = this.isBroken
    if (!this.isBroken) return
    const line = Math.min(this.problems.find(p => p.message.startsWith('YAML'))?.line ?? this.brokenAt, this.editor.state.doc.lines)
    this.broken.replaceChildren(`The text cannot be read in line ${line}. The steps are as they were before. `, button('Show the line', () => this.reveal(this.editor.state.doc.line(line).from), { class: 'link' }))
  }

  reveal(position) {
    showView('text')
    this.editor.dispatch({ selection: { anchor: position }, effects: this.cm.EditorView.scrollIntoView(position, { y: 'center' }) })
    this.editor.focus()
  }

  // ---- Steps

  add(list, index) {
    if (!list.entry && list !== this.flow.steps) return this.say('Add the branch in the text first.')
    const where = list.title ? `Add a step to “${list.title}”` : 'Add a step'
    addDialog(this, where, choice => this.insert(list, index, choice))
  }

  addAfter(row) {
    this.ensureFresh()
    if (row?.type === 'step') return this.add(row.step.list, row.step.index + 1)
    if (row?.list?.entry) return this.add(row.list, row.type === 'branch' ? 0 : row.list.steps.length)
    return this.add(this.flow.steps, row?.type === 'trigger' && this.flow.steps.steps.length === 0 ? 0 : row?.type === 'trigger' ? 0 : this.flow.steps.steps.length)
  }

  insert(list, index, choice) {
    const value = starter(this.flow, choice, this.schemas)
    const path = list.path
    const done = this.edit(() => {
      const at = this.listAt(list)
      return at.entry ? insertItem(this.doc, at.entry, index, value) : addEntry(this.doc, this.doc.root, 'steps', [value])
    }, {})
    if (!done) return
    const now = this.listAt(list, path)
    const step = now?.steps[index]
    if (step) this.select('step ' + step.path)
    this.focusForm()
  }

  // listAt returns a list of an earlier reading as it is now.
  listAt(list) {
    if (list.of) {
      const of = this.current(list.of)
      return of?.lists.find(one => one.param === list.param && one.element?.index === list.element?.index && one.title === list.title) ?? of?.lists.find(one => one.param === list.param && one.element?.index === list.element?.index)
    }
    return list.path === 'on_failure' ? this.flow.onFailure : this.flow.steps
  }

  duplicate(step) {
    this.edit(() => {
      const here = this.current(step)
      return copyItem(this.doc, here.list.entry, here.index, raw => here.name ? raw.replace(/((?:^|[\s{,])name:\s*)(["']?)[\w-]+\2/, `$1${freeName(this.flow, here.name)}`) : raw)
    }, { focusTree: true })
  }

  remove(step) {
    const here = this.current(step), left = here.name ? references(this.flow, here.name).filter(at => !(at.from >= here.from && at.to <= here.to)).length : 0
    const list = here.list, index = here.index
    const near = list.steps[index + 1] ?? list.steps[index - 1] ?? list.of
    const pos = near?.from
    if (!this.edit(() => removeItem(this.doc, here.list.entry, here.index), {})) return
    const now = this.listAt(list)?.steps[Math.min(index, list.steps.length - 2)] ?? (list.of && this.current(list.of))
    if (now ?? pos) this.select(now ? 'step ' + now.path : 'trigger')
    this.focusOutline()
    this.say(left ? `${here.label} is deleted. ${left === 1 ? 'One place still reads' : left + ' places still read'} $steps.${here.name}: Undo brings it back.` : `${here.label} is deleted.`)
  }
}

const rawOf = (doc, step) => doc.text.slice(step.from, step.to).split('\n').map(line => line.trim()).join('\n')

function firstError(tree) {
  let found = 0
  tree.iterate({ enter: at => { if (!found && at.type.isError) found = at.from } })
  return found
}
