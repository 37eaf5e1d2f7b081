// ---- The beginning, and the switch between the views -------------------------------------------------------------------------

// isFresh reports whether nothing was written yet: the text is empty, or the example of a new flow.
const isFresh = view => !view.keeps && (view.editor.state.doc.toString().trim() === '' || view.field.form.dataset.draft === 'new' && view.editor.state.doc.toString() === view.field.defaultValue.replaceAll('\r\n', '\n'))

function drawStart(view) {
  if (view.start.childElementCount) return
  const begin = start => {
    const number = Number(/^flow: (\d+)/m.exec(view.field.defaultValue)?.[1] ?? 1)
    const text = startText(number, start, { slug: `flow-${number}` })
    view.owning = true
    view.editor.dispatch({ changes: { from: 0, to: view.editor.state.doc.length, insert: text }, userEvent: 'build' })
    view.owning = false
    view.read()
    view.choose('trigger')
    view.render(true)
    const next = view.form.querySelector('[data-path="schema/+"]') ?? view.form.querySelector('[data-path="name"]')
    next?.focus()
  }
  const list = h('div', { class: 'starts', role: 'group', 'aria-label': 'When does it run?' }, starts.map(start => button([h('b', {}, start.title), h('span', {}, start.about)], () => begin(start), { class: 'start-choice' })))
  list.addEventListener('keydown', event => {
    const all = [...list.children], at = all.indexOf(document.activeElement)
    const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1 }[event.key]
    if (to === undefined || at < 0) return
    event.preventDefault()
    all[(to + all.length) % all.length].focus()
  })
  view.start.append(h('h2', {}, 'When does it run?'), h('p', { class: 'about' }, 'Choose what starts a run. Everything can be changed later; the text beside shows the same flow.'), list,
    button('Go on from the example instead', () => { view.keeps = true; view.render(true) }, { class: 'link' }))
}

// showView shows one of the views beside the text: picture, build, or on a narrow screen the text alone.
function showView(name) {
  const design = document.querySelector('.design'), box = document.getElementById('build')
  const wide = matchMedia('(min-width: 1000px)').matches
  if (name === 'text' && wide) return
  design.dataset.view = name
  box.hidden = name !== 'build'
  for (const one of document.querySelectorAll('[data-views] button')) one.setAttribute('aria-pressed', String(one.dataset.view === name))
}

// build makes the Build view of an editor. schema is that of flow files; null: it could not be loaded. follow(changed, checked) calls back for each change of the text and each check of it.
// It returns the completion of the text editor.
export function build({ field, editor, cm, schema, follow }) {
  const box = document.getElementById('build'), views = document.querySelector('[data-views]')
  if (!box || !views) return () => null
  const view = new View(box, field, editor, cm, schema)
  let loading = null
  const load = () => loading ??= view.load().catch(() => { loading = null; box.replaceChildren(h('p', { class: 'hint' }, 'The list of steps could not be loaded: the server does not answer.')) })
  follow(update => view.changed(update), told => view.checked(told))
  const show = name => {
    showView(name)
    if (name !== 'build') return
    load().then(() => { if (view.catalogue && view.dirty) { view.read(); view.render(true) } })
  }
  views.hidden = false
  views.addEventListener('click', event => {
    const name = event.target.closest('button')?.dataset.view
    if (name) show(name)
  })
  if (box.dataset.first === 'yes' || location.hash === '#build') show('build')
  return context => view.flow ? completeText(view, context) : (load(), null)
}

// edits are the parts that make changes of the text, for their tests.
export const edits = { readText, readFlow, applied, insertItem, removeItem, copyItem, moveItem, setEntry, removeEntry, renamed, plainOf, entryOf, Refused, readCondition, writeCondition, comparisons }
