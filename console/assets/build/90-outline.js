// ---- The list of steps -------------------------------------------------------------------------------------------------------

// rowsOf lists what the outline shows: { type, level, title, kind, detail, step, list, index, from, to }.
function rowsOf(flow) {
  const rows = [{ type: 'trigger', key: 'trigger', level: 1, title: 'When it runs', detail: triggerTitle(flow), from: flow.trigger.from, to: flow.trigger.to }]
  const steps = (list, level) => {
    for (const step of list.steps) {
      rows.push({ type: 'step', key: 'step ' + step.path, level, title: step.name || step.kind?.title || step.label, kind: step.kind?.name ?? '', detail: detailOf(step), step, from: step.from, to: step.to })
      for (const inner of step.lists) {
        rows.push({ type: 'branch', key: `branch ${step.path} ${inner.element?.index ?? ''} ${inner.param ?? inner.title}`, level: level + 1, title: inner.title, list: inner, step, from: inner.element?.item.from ?? inner.entry?.from ?? 0, to: inner.element?.item.to ?? inner.entry?.to ?? 0 })
        steps(inner, level + 2)
        rows.push({ type: 'add', key: `add ${step.path} ${inner.element?.index ?? ''} ${inner.param ?? inner.title}`, level: level + 2, title: 'Add a step', list: inner })
      }
    }
  }
  steps(flow.steps, 1)
  rows.push({ type: 'add', key: 'add', level: 1, title: 'Add a step', list: flow.steps })
  const respond = flow.all.find(step => step.kind?.name === 'respond')
  rows.push({ type: 'answer', key: 'answer', level: 1, title: 'Answer', detail: respond ? `by the step ${respond.label}` : 'the items of the last step' })
  if (flow.onFailure) {
    rows.push({ type: 'branch', key: 'branch on_failure', level: 1, title: 'When a run fails', list: flow.onFailure, from: flow.onFailure.entry.from, to: flow.onFailure.entry.to })
    steps(flow.onFailure, 2)
    rows.push({ type: 'add', key: 'add on_failure', level: 2, title: 'Add a step', list: flow.onFailure })
  }
  return rows
}

const triggerTitle = flow => {
  const { word, node } = flow.trigger
  const cron = textOf(memberOf(node, 'cron')) || (node?.shape === 'scalar' ? textOf(node) : '')
  if (word === 'webhook' && textOf(memberOf(node, 'verify')) === 'none' || word === 'webhook' && textOf(memberOf(memberOf(node, 'verify'), 'scheme')) === 'none') return 'a form is sent'
  return { webhook: memberOf(node, 'verify') ? 'a webhook arrives' : 'a program calls the API', manual: 'somebody starts it', schedule: `at certain times: ${cron}`, poll: `asks again and again: ${cron}`, http: 'a request at its own path', topic: `an event of ${cron || 'a topic'}`, alert: 'something goes wrong' }[word] ?? word
}

// drawOutline shows the rows. Those that stay keep their element, and with it the focus.
function drawOutline(view) {
  const tree = view.tree, old = new Map([...tree.children].map(row => [row.dataset.key, row]))
  const rows = view.rows = rowsOf(view.flow)
  const elements = rows.map((row, i) => {
    const element = old.get(row.key) ?? h('div', { role: 'treeitem', 'data-key': row.key })
    element.row = row
    element.className = `out ${row.type}` + (row.kind ? ` k-${row.kind}` : '')
    element.setAttribute('aria-level', row.level)
    element.dataset.level = Math.min(row.level, 9)
    element.draggable = row.type === 'step'
    const wrong = mistakesIn(view, row).length
    element.replaceChildren(h('span', { class: 'title' }, row.type === 'add' ? '+ ' : null, row.title), row.kind ? h('span', { class: 'kind' }, row.kind) : '',
      wrong ? h('span', { class: 'wrong', title: `${wrong} mistake${wrong > 1 ? 's' : ''}` }, '!', h('span', { class: 'sr' }, ` ${wrong} mistake${wrong > 1 ? 's' : ''}`)) : '',
      row.detail && row.detail !== row.title ? h('span', { class: 'detail' }, row.detail) : '')
    return element
  })
  const focused = document.activeElement
  if ([...tree.children].some((child, i) => child !== elements[i]) || tree.children.length !== elements.length) {
    tree.replaceChildren(...elements)
    if (focused && tree.contains(focused) && document.activeElement !== focused) focused.focus()
  }
  markSelected(view)
}

// mistakesIn returns the mistakes of the last check that are in a row, and not in a row below it.
function mistakesIn(view, row) {
  if (row.type === 'trigger') return view.problems.filter(p => row.to && p.at >= row.from && p.at < row.to)
  if (row.type === 'branch') {
    const when = entryOf(row.list.element?.map, 'when')
    return view.problems.filter(p => when && p.at >= when.from && p.at <= when.to)
  }
  if (row.type !== 'step') return []
  return view.problems.filter(p => stepAt(view.flow, p.at) === row.step)
}

function markSelected(view) {
  let focusable = false
  for (const element of view.tree.children) {
    const selected = element.dataset.key === view.selected
    element.setAttribute('aria-selected', String(selected))
    element.tabIndex = selected ? 0 : -1
    focusable ||= selected
  }
  if (!focusable && view.tree.firstElementChild) view.tree.firstElementChild.tabIndex = 0
}

// follow lets the outline react to the mouse and to keys.
function followOutline(view) {
  const { tree } = view
  const at = event => event.target.closest('[role=treeitem]')
  tree.addEventListener('click', event => {
    const element = at(event)
    if (!element) return
    if (element.row.type === 'add') return view.add(element.row.list, element.row.list.steps.length)
    view.select(element.dataset.key, true)
  })
  tree.addEventListener('keydown', event => {
    const element = at(event)
    if (!element || event.ctrlKey && event.key !== 'd' || event.metaKey) return
    const { row } = element, all = [...tree.children], i = all.indexOf(element)
    const go = to => { if (all[to]) { event.preventDefault(); view.select(all[to].dataset.key); all[to].focus() } }
    if (event.altKey) {
      const move = { ArrowUp: () => shift(view, row, -1), ArrowDown: () => shift(view, row, 1), ArrowLeft: () => moveOut(view, row), ArrowRight: () => moveIn(view, row) }[event.key]
      if (move && row.type === 'step') { event.preventDefault(); event.stopPropagation(); move() }
      return
    }
    switch (event.key) {
      case 'ArrowDown': return go(i + 1)
      case 'ArrowUp': return go(i - 1)
      case 'Home': return go(0)
      case 'End': return go(all.length - 1)
      case 'ArrowLeft': for (let up = i - 1; up >= 0; up--) if (all[up].row.level < row.level) return go(up); return
      case 'ArrowRight': return all[i + 1]?.row.level > row.level ? go(i + 1) : undefined
      case 'Enter': case ' ':
        event.preventDefault()
        if (row.type === 'add') return view.add(row.list, row.list.steps.length)
        view.select(element.dataset.key)
        return view.focusForm()
      case '+': case '/':
        event.preventDefault()
        return view.addAfter(row)
      case 'Delete': if (row.type === 'step') { event.preventDefault(); view.remove(row.step) } return
      case 'd': if (event.ctrlKey && row.type === 'step') { event.preventDefault(); view.duplicate(row.step) }
    }
  })
  drag(view)
}

// ---- Moving steps ------------------------------------------------------------------------------------------------------------

function move(view, step, list, index) {
  view.edit(() => moveItem(view.doc, step.list.entry, step.index, list.entry, index), { label: 'move', moved: step, focusTree: true })
}

// shift moves a step among the others of its list.
function shift(view, row, by) {
  const { step } = row, to = step.index + by
  if (to < 0 || to >= step.list.steps.length) return view.say(by < 0 ? 'It is the first of its list: Alt ← moves it out of its branch.' : 'It is the last of its list: Alt ← moves it out of its branch.')
  move(view, step, step.list, by < 0 ? to : to + 1)
}

// moveOut moves a step out of its branch, behind the step that has the branch.
function moveOut(view, { step }) {
  const outer = step.list.of
  if (!outer) return view.say('It is in no branch.')
  move(view, step, outer.list, outer.index + 1)
}

// moveIn moves a step into the last branch of the step before it.
function moveIn(view, { step }) {
  const lists = step.list.steps[step.index - 1]?.lists.filter(list => list.entry) ?? []
  if (!lists.length) return view.say('The step before it has no branch.')
  move(view, step, lists[0], lists[0].steps.length)
}

// drag lets steps be dragged: before or behind another one, or onto a branch.
function drag(view) {
  const { tree } = view
  let dragged = null
  const target = event => {
    const element = event.target.closest?.('[role=treeitem]')
    const row = element?.row
    if (!dragged || !row || row === dragged) return null
    if (row.type === 'step') {
      const box = element.getBoundingClientRect(), behind = event.clientY > box.top + box.height / 2
      return { element, list: row.step.list, index: row.step.index + (behind ? 1 : 0), behind }
    }
    if (row.list?.entry) return { element, list: row.list, index: row.type === 'branch' ? 0 : row.list.steps.length, behind: row.type === 'branch' }
    return null
  }
  const clear = () => { for (const row of tree.children) row.classList.remove('before', 'behind', 'dragged') }
  tree.addEventListener('dragstart', event => {
    dragged = event.target.closest('[role=treeitem]')?.row ?? null
    if (!dragged || dragged.type !== 'step') return
    event.dataTransfer.effectAllowed = 'move'
    event.dataTransfer.setData('text/plain', dragged.step.path)
    event.target.classList.add('dragged')
  })
  tree.addEventListener('dragover', event => {
    const to = target(event)
    clear()
    if (!to) return
    event.preventDefault()
    to.element.classList.add(to.behind ? 'behind' : 'before')
  })
  tree.addEventListener('drop', event => {
    const to = target(event)
    clear()
    if (!to) return
    event.preventDefault()
    const { step } = dragged
    dragged = null
    move(view, step, to.list, to.index)
  })
  tree.addEventListener('dragend', () => { dragged = null; clear() })
}
