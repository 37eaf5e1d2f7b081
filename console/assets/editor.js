// Editor of flows and events, loaded by the pages that have one. It copies its text to the textarea, which also works without
// the editor.

const csrf = () => document.querySelector('meta[name=csrf]').content

// edit replaces a textarea by an editor.
export async function edit(field, codemirror) {
  const cm = await import(codemirror)
  const yaml = field.dataset.editor === 'yaml'
  const checker = field.dataset.check ? new Checker(field, cm) : null
  const schema = field.dataset.schema && !field.readOnly ? await loadSchema(field.dataset.schema) : null
  const completion = schema && schemaCompletion(schema, () => checker?.operations)
  const label = document.querySelector(`label[for="${field.id}"]`)
  const followers = [] // called for each change
  let builder = null // completes expressions, once the Build view is there
  let timer = 0
  const sync = () => { // of the textarea, which is what others read
    if (!timer) return
    clearTimeout(timer)
    timer = 0
    field.value = view.state.doc.toString()
    field.dispatchEvent(new Event('input', { bubbles: true }))
  }
  const view = new cm.EditorView({
    parent: undefined,
    state: cm.EditorState.create({
      doc: field.value,
      extensions: [
        cm.lineNumbers(), cm.history(), cm.drawSelection(), cm.indentOnInput(), cm.bracketMatching(), cm.closeBrackets(), cm.highlightActiveLine(),
        cm.indentUnit.of('  '), yaml ? cm.yaml() : cm.json(), look(cm), cm.EditorView.lineWrapping,
        cm.EditorView.cspNonce.of(document.querySelector('meta[name=nonce]').content),
        cm.EditorView.contentAttributes.of({ 'aria-label': label ? label.textContent.trim() : T('Editor'), tabindex: '0' }),
        cm.EditorState.readOnly.of(field.readOnly),
        checker ? cm.lintGutter() : [],
        completion ? cm.autocompletion({ override: [completion, context => builder?.(context) ?? null], icons: false }) : [],
        cm.search({ top: true }), cm.highlightSelectionMatches({ minSelectionLength: 2 }),
        field.dataset.conflicts === undefined ? [] : conflictLines(cm),
        // Tab leaves the editor unless text is selected, so that the keyboard focus is not trapped. Ctrl-Enter is the page's.
        cm.keymap.of([...cm.closeBracketsKeymap, ...cm.searchKeymap, ...cm.defaultKeymap.filter(key => key.key !== 'Mod-Enter'), ...cm.historyKeymap, ...cm.foldKeymap, ...cm.completionKeymap, ...cm.lintKeymap]),
        cm.EditorView.updateListener.of(update => {
          if (!update.docChanged) return
          followers.forEach(changed => changed(update))
          clearTimeout(timer)
          timer = setTimeout(sync, 150)
          checker?.soon(view)
        }),
      ],
    }),
  })
  field.hidden = true
  field.after(view.dom)
  field.addEventListener('filled', event => {
    view.dispatch({ changes: change(view.state.doc.toString(), field.value) })
    if (event.detail?.line) reveal(view, cm, event.detail.line, 1)
  })
  for (const event of ['submit', 'click', 'change', 'penstock:sync']) document.addEventListener(event, sync, true)
  if (field.dataset.build && checker) {
    const module = await import(field.dataset.build)
    builder = module.build({ field, editor: view, cm, schema, follow: (changed, checked) => { followers.push(changed); checker.checked = checked } })
  }
  if (checker) {
    checker.check(view)
    document.addEventListener('penstock:signedin', () => checker.check(view))
    checker.picture?.addEventListener('click', event => {
      const box = event.target.closest('[data-line]')
      if (box) reveal(view, cm, Number(box.dataset.line), 1)
    })
  }
}

// change returns the change from one text to another, without what they begin and end with alike.
function change(before, after) {
  const most = Math.min(before.length, after.length)
  let from = 0
  while (from < most && before[from] === after[from]) from++
  let end = 0
  while (end < most - from && before[before.length - 1 - end] === after[after.length - 1 - end]) end++
  return { from, to: before.length - end, insert: after.slice(from, after.length - end) }
}

// conflictLines marks the lines of conflicts that a merge left.
function conflictLines(cm) {
  const lines = state => {
    const marks = []
    let side = ''
    for (let n = 1; n <= state.doc.lines; n++) {
      const line = state.doc.line(n)
      const marker = line.text.startsWith('<<<<<<< ') ? 'mine' : line.text === '=======' && side === 'mine' ? 'theirs' : line.text.startsWith('>>>>>>> ') ? 'end' : ''
      if (marker || side) marks.push(cm.Decoration.line({ class: marker ? 'conflict-marker' : 'conflict-' + side }).range(line.from))
      if (marker) side = marker === 'end' ? '' : marker
    }
    return cm.Decoration.set(marks)
  }
  return cm.StateField.define({
    create: lines,
    update: (marks, transaction) => transaction.docChanged ? lines(transaction.state) : marks,
    provide: field => cm.EditorView.decorations.from(field),
  })
}

// reveal moves the cursor to a position and scrolls to it.
function reveal(view, cm, line, column) {
  const at = view.state.doc.line(Math.min(line, view.state.doc.lines))
  const pos = Math.min(at.from + column - 1, at.to)
  view.dispatch({ selection: { anchor: pos }, effects: cm.EditorView.scrollIntoView(pos, { y: 'center' }) })
  view.focus()
}

// Checker sends the text to the server while it is edited, and shows the result: mistakes in the margin and below, the
// diagram, and the test results.
class Checker {
  constructor(field, cm) {
    this.field = field
    this.cm = cm
    this.timer = 0
    this.turn = 0
    this.took = 0 // ms, of the last check
    this.marks = this.drawn = '' // what is shown
    this.operations = {}
    this.picture = document.getElementById('picture')
    this.list = document.getElementById('problems')
    this.status = document.getElementById('checked')
  }

  // soon checks when nothing was typed for a while: longer for a text whose last check took long. What is being checked is given up.
  soon(view) {
    clearTimeout(this.timer)
    this.request?.abort()
    this.turn++
    this.timer = setTimeout(() => this.check(view), Math.min(2000, Math.max(250, 2 * this.took)))
  }

  async check(view) {
    const turn = ++this.turn
    const begun = performance.now()
    const request = this.request = new AbortController()
    let told
    try {
      const response = await fetch(this.field.dataset.check, {
        method: 'POST', headers: { 'X-Csrf-Token': csrf(), 'HX-Request': 'true' }, signal: request.signal,
        body: new URLSearchParams({ source: view.state.doc.toString() }),
      })
      if (response.status === 401) document.dispatchEvent(new Event('penstock:signedout'))
      if (!response.ok) throw new Error(response.status === 401 ? T('you are signed out') : T('the server does not answer'))
      told = await response.json()
    } catch (error) {
      if (this.status && turn === this.turn) this.status.textContent = T('not checked: %s', error instanceof TypeError ? T('the server does not answer') : error.message)
      return
    }
    if (turn !== this.turn) return // the text has changed meanwhile
    this.took = performance.now() - begun
    this.checked?.(told)
    this.operations = told.operations || {}
    const marks = JSON.stringify([told.problems, told.warnings, told.tests])
    if (marks !== this.marks) {
      this.marks = marks
      this.mark(view, told)
      this.tell(view, told)
    }
    if (this.status) this.status.textContent = summary(told)
    if (told.picture && told.picture !== this.drawn && this.picture) this.draw(told.picture)
  }

  // draw replaces the picture when the browser has nothing else to do: that of 400 steps takes as long as several keys.
  draw(picture) {
    this.drawn = picture
    const idle = window.requestIdleCallback ?? (act => setTimeout(act))
    idle(() => { if (picture === this.drawn) this.picture.innerHTML = picture }, { timeout: 1000 })
  }

  mark(view, told) {
    const doc = view.state.doc
    const at = (line, column) => {
      const l = doc.line(Math.max(1, Math.min(line, doc.lines)))
      return Math.min(l.from + Math.max(0, column - 1), l.to)
    }
    const marked = [...told.problems.map(p => [p, 'error']), ...(told.warnings || []).map(p => [p, 'warning'])]
    const marks = marked.map(([p, severity]) => {
      const from = at(p.line, p.column)
      const rest = doc.lineAt(from)
      const word = /^[\w.$-]+/.exec(rest.text.slice(from - rest.from))
      return { from, to: Math.min(rest.to, from + (word ? word[0].length : 1)), severity, message: p.hint ? `${p.message} (${p.hint})` : p.message }
    })
    for (const test of told.tests || []) {
      if (test.failure) marks.push({ from: at(test.line, 1), to: at(test.line, 1000), severity: 'warning', message: test.failure })
    }
    view.dispatch(this.cm.setDiagnostics(view.state, marks))
  }

  tell(view, told) {
    const warnings = told.warnings || []
    const row = (p, warning) => ({ line: p.line, column: p.column, text: p.message, hint: p.hint, warning })
    const rows = [...told.problems.map(p => row(p, false)), ...warnings.map(p => row(p, true))]
    for (const test of told.tests || []) {
      if (test.failure) rows.push({ line: test.line, column: 1, text: T('test “%s”: %s', test.name, test.failure), hint: '' })
    }
    const list = document.createElement('ul')
    for (const row of rows) {
      const item = document.createElement('li')
      if (row.warning) item.className = 'warning'
      const button = document.createElement('button')
      button.type = 'button'
      const place = document.createElement('b')
      place.textContent = `${row.line}:${row.column}`
      button.append(place, row.text)
      if (row.hint) {
        const hint = document.createElement('span')
        hint.className = 'faint'
        hint.textContent = ' ' + row.hint
        button.append(hint)
      }
      button.addEventListener('click', () => reveal(view, this.cm, row.line, row.column))
      item.append(button)
      list.append(item)
    }
    this.list.replaceChildren(...(rows.length ? [list] : []))
  }
}

// summary is the result of a check in a few words.
function summary(told) {
  const tests = told.tests || [], warnings = told.warnings || []
  const passed = tests.filter(test => !test.failure).length
  if (told.problems.length) return TN(told.problems.length, '%d mistake', '%d mistakes')
  return (tests.length ? T('valid, %d of %d tests pass', passed, tests.length) : T('valid')) +
    (warnings.length ? ', ' + TN(warnings.length, '%d warning', '%d warnings') : '')
}

// look returns the editor's theme in the colours of the console.
function look(cm) {
  const { tags } = cm
  const theme = cm.EditorView.theme({
    '&': { fontSize: '12.5px', color: 'var(--text)', backgroundColor: 'transparent', minHeight: '240px', maxHeight: 'calc(100vh - 290px)' },
    '&.cm-focused': { outline: '2px solid var(--accent)', outlineOffset: '-2px' },
    '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.6', overflow: 'auto' },
    '.cm-content': { padding: '10px 0', caretColor: 'var(--text)' },
    '.cm-cursor': { borderLeftColor: 'var(--text)' },
    '.cm-gutters': { backgroundColor: 'transparent', color: 'var(--faint)', border: '0' },
    '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--raised) 60%, transparent)' },
    '.cm-activeLineGutter': { backgroundColor: 'transparent' },
    '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'color-mix(in srgb, var(--accent) 25%, transparent)' },
    '.cm-matchingBracket': { backgroundColor: 'var(--accent-soft) !important', outline: '0' },
    '.cm-tooltip': { backgroundColor: 'var(--card)', color: 'var(--text)', border: '1px solid var(--strong)', borderRadius: '6px', boxShadow: 'var(--pop)', maxWidth: '520px' },
    '.cm-tooltip-autocomplete > ul > li': { padding: '2px 8px' },
    '.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--accent)', color: 'var(--on-accent)' },
    '.cm-completionDetail': { color: 'var(--faint)', fontStyle: 'normal', marginLeft: '10px' },
    '.cm-completionInfo': { padding: '6px 10px' },
    // Where there is no room beside the list, below it instead of over it.
    '.cm-completionInfo-left-narrow, .cm-completionInfo-right-narrow': { top: '100% !important', left: '0 !important', right: 'auto !important', maxWidth: '55vw !important' },
    '.cm-diagnostic': { whiteSpace: 'pre-wrap' },
    '.cm-panels': { backgroundColor: 'var(--raised)', color: 'var(--text)' },
    '.cm-panels.cm-panels-top': { borderBottom: '1px solid var(--line)' },
    '.cm-panel.cm-search': { padding: '5px 28px 5px 10px', lineHeight: '34px' },
    '.cm-panel.cm-search label': { display: 'inline-flex', gap: '5px', alignItems: 'center', fontSize: '12.5px', lineHeight: '20px', color: 'var(--soft)', margin: '0 8px 0 0', verticalAlign: 'middle' },
    '.cm-panel.cm-search input': { margin: '0' },
    '.cm-panel.cm-search .cm-textfield': { font: 'inherit', width: '150px', padding: '3px 8px', margin: '0 6px 0 0', lineHeight: '20px', border: '1px solid var(--strong)', borderRadius: '6px', backgroundColor: 'var(--card)' },
    '.cm-panel.cm-search .cm-button': { margin: '0 6px 0 0', lineHeight: '20px', padding: '2px 9px', fontSize: '12.5px', backgroundImage: 'none', backgroundColor: 'var(--card)', border: '1px solid var(--strong)', borderRadius: '6px' },
    '.cm-panel.cm-search button[name=select]': { display: 'none' },
    '.cm-panel.cm-search button[name=close]': { top: '4px', right: '6px', color: 'var(--soft)', border: '0', background: 'none', boxShadow: 'none' },
    '.cm-searchMatch': { backgroundColor: 'color-mix(in srgb, var(--warn) 30%, transparent)' },
    '.cm-searchMatch-selected': { backgroundColor: 'color-mix(in srgb, var(--warn) 60%, transparent)' },
    '.cm-selectionMatch': { backgroundColor: 'color-mix(in srgb, var(--accent) 15%, transparent)' },
  })
  const style = cm.HighlightStyle.define([
    { tag: [tags.propertyName, tags.definition(tags.propertyName), tags.attributeName], color: 'light-dark(#0f6e84, #6cc3d6)' },
    { tag: [tags.string, tags.content, tags.special(tags.string)], color: 'light-dark(#17703f, #8fd3aa)' },
    { tag: [tags.number], color: 'light-dark(#2257b0, #8db4f5)' },
    { tag: [tags.bool, tags.null, tags.keyword], color: 'light-dark(#8a3fa0, #cf97e0)' },
    { tag: [tags.comment, tags.lineComment], color: 'var(--faint)' },
    { tag: [tags.punctuation, tags.separator, tags.squareBracket, tags.brace], color: 'var(--soft)' },
  ])
  return [theme, cm.syntaxHighlighting(style)]
}

// loadSchema returns the JSON Schema of flow files; null: the server does not answer.
async function loadSchema(url) {
  try {
    return await (await fetch(url)).json()
  } catch {
    return null
  }
}

// schemaCompletion suggests the keys and words that the JSON Schema allows at the cursor. operations returns the definitions of the
// operations of connectors in the text.
function schemaCompletion(schema, operations) {
  return context => suggest({ ...schema, $defs: { ...schema.$defs, ...operations() } }, context)
}

// suggest returns the completions at the cursor; null: there are none.
function suggest(root, context) {
  const line = context.state.doc.lineAt(context.pos)
  const before = line.text.slice(0, context.pos - line.from)
  const word = /^(\s*(?:- +)*)([\w-]*)$/.exec(before)
  const value = /^(\s*(?:- +)*)([\w-]+):\s+([\w.-]*)$/.exec(before)
  if (!word && !value || !context.explicit && !(word?.[2] || value)) return null
  const found = word || value
  const path = pathAt(context.state.doc, line.number, found[1])
  if (value) path.push(value[2])
  const typed = value ? value[3] : word[2]
  const at = walk(root, path, operationAt(context.state.doc, line.number, found[1]))
  const options = value ? (value[2] === 'uses' ? uses(root) : values(at)) : keys(at)
  return options.length ? { from: context.pos - typed.length, options, validFor: /^[\w.-]*$/ } : null
}

// withPrefix begins the names of the definitions of operations: see CompletionSchema.
const withPrefix = 'with-'

// uses returns the operations of connectors.
function uses(root) {
  return Object.keys(root.$defs).filter(name => name.startsWith(withPrefix)).sort()
    .map(name => ({ label: name.slice(withPrefix.length), info: root.$defs[name].description?.replaceAll('`', '') }))
}

// operationAt returns the operation of the step whose parameters, in block style, contain a line; undefined: there is none.
function operationAt(doc, number, lead) {
  let indent = lead.length
  let start = 0 // the line of `with`
  for (let n = number - 1; n >= 1 && !start; n--) {
    const above = key(doc.line(n).text)
    if (!above || above.at >= indent) continue
    indent = above.at
    if (above.name === 'with') start = n
  }
  for (let n = start; n >= 1; n--) {
    const member = key(doc.line(n).text)
    if (!member || member.at > indent) continue
    if (member.at === indent && member.name === 'uses') return member.value
    if (member.at < indent || member.first) break
  }
  for (let n = start + 1; start && n <= doc.lines; n++) {
    const member = key(doc.line(n).text)
    if (!member || member.at > indent) continue
    if (member.at < indent || member.first) break
    if (member.name === 'uses') return member.value
  }
  return undefined
}

// key returns the key of a line with its column, whether it is the first of a list's element, and its value; null: it has none.
function key(text) {
  const match = /^(\s*(?:- +)*)([\w.-]+):(?:\s+["']?([\w.-]+)|\s|$)/.exec(text)
  return match && { at: match[1].length, first: match[1].includes('-'), name: match[2], value: match[3] }
}

// pathAt returns the keys, with '-' for lists, that lead to a line of YAML in block style.
function pathAt(doc, number, lead) {
  const path = []
  let indent = lead.length
  for (const _ of lead.matchAll(/- +/g)) path.unshift('-')
  let dash = lead.search(/-/)
  if (dash >= 0) indent = dash
  let listed = dash >= 0
  for (let n = number - 1; n >= 1 && indent >= 0; n--) {
    const text = doc.line(n).text
    const match = /^(\s*)((?:- +)*)([\w.-]+):/.exec(text)
    if (!match || /^\s*#/.test(text)) continue
    const at = match[1].length + match[2].length
    const start = match[1].length
    if (match[2] && at === indent && !listed) { // the first member of the element that contains the line
      path.unshift('-')
      indent = start
      listed = true
      continue
    }
    if (at < indent || listed && at === indent && !match[2]) {
      path.unshift(match[3])
      listed = false
      indent = at
      if (match[2]) {
        path.unshift('-')
        indent = start
        listed = true
      }
    }
    if (!path.includes(null) && indent === 0 && !listed && path[0] !== '-') break
  }
  return path
}

// spread resolves references and alternatives, and returns all schemas that may apply.
function spread(root, schema, depth = 0) {
  if (!schema || typeof schema !== 'object' || depth > 8) return []
  if (schema.$ref) {
    const target = schema.$ref.replace(/^#\//, '').split('/').reduce((node, name) => node?.[name], root)
    return spread(root, target, depth + 1)
  }
  return [schema, ...['oneOf', 'anyOf', 'allOf'].flatMap(name => (schema[name] || []).flatMap(part => spread(root, part, depth + 1)))]
}

// walk returns the schemas that apply at a path. operation is that of the step, whose `with` has schemas of its own.
function walk(root, path, operation) {
  let at = spread(root, root)
  const parameters = operation && root.$defs[withPrefix + operation] ? path.lastIndexOf('with') : -1
  if (parameters >= 0) {
    at = spread(root, root.$defs[withPrefix + operation])
    path = path.slice(parameters + 1)
  }
  for (const name of path) {
    at = at.flatMap(schema => spread(root, name === '-' ? schema.items : schema.properties?.[name]))
    if (!at.length) break
  }
  at.root = root
  return at
}

function keys(at) {
  const found = new Map()
  for (const schema of at) {
    for (const [name, part] of Object.entries(schema.properties || {})) {
      if (!found.has(name)) found.set(name, { label: name, apply: name + ': ', info: spread(at.root, part).find(p => p.description)?.description.replaceAll('`', '') })
    }
  }
  return [...found.values()]
}

function values(at) {
  const words = new Set(at.flatMap(schema => schema.enum || (schema.type === 'boolean' ? ['true', 'false'] : [])))
  return [...words].map(word => ({ label: String(word) }))
}
