// Script of the trees of JSON, loaded by the pages that have one. It loads branches when they are opened, moves between values by
// the arrow keys, and copies values and their paths. Without it the trees are lists with links.

const one = (selector, root = document) => root.querySelector(selector)
const all = (selector, root = document) => [...root.querySelectorAll(selector)]

document.documentElement.classList.add('scripted')

// ---- Loading --------------------------------------------------------------

// load returns a part of a page. It leaves the page when the session is over.
async function load(url, kind = 'text') {
  const response = await fetch(url, { headers: { 'HX-Request': 'true' } })
  const away = response.headers.get('HX-Redirect')
  if (away) {
    location.href = away
    throw new Error(T('the session is over'))
  }
  if (!response.ok) throw new Error(T('the server answered %s', response.status))
  return response[kind]()
}

// failed says in a place what could not be loaded; a click on the link tries again.
function failed(place, error, again) {
  const hint = document.createElement(place.tagName === 'UL' ? 'li' : 'p')
  const button = document.createElement('button')
  hint.className = 'bad'
  hint.textContent = T('Not loaded: %s.', error.message) + ' '
  button.type = 'button'
  button.textContent = T('Try again')
  button.addEventListener('click', again)
  hint.append(button)
  place.replaceChildren(hint)
}

// openBranch loads the content of a branch once.
async function openBranch(details) {
  if (details.dataset.state) return
  details.dataset.state = 'loading'
  const place = one(':scope > ul, :scope > div', details)
  try {
    place.innerHTML = await load(details.dataset.branch + ('whole' in details.dataset ? '&as=tree' : ''))
    details.dataset.state = 'loaded'
  } catch (error) {
    delete details.dataset.state
    failed(place, error, () => openBranch(details))
  }
}

// openRest replaces the link to the further children of a container by them.
async function openRest(link) {
  const item = link.parentElement
  try {
    const list = document.createElement('ul')
    list.innerHTML = await load(link.href)
    const first = list.firstElementChild
    item.replaceWith(...list.children)
    if (first) choose(first)
  } catch (error) {
    failed(item, error, () => openRest(link))
  }
}

document.addEventListener('toggle', event => {
  if (event.target.open && event.target.dataset.branch) openBranch(event.target)
}, true)

// ---- The current value ----------------------------------------------------

const treeOf = element => element.closest('.json')
const rowsOf = tree => all('li', tree).filter(row => !row.parentElement.closest('details:not([open])'))
const handle = row => one(':scope > details > summary', row) || one(':scope > a', row) || row

// toolsOf returns the bar of a tree: the closest one before it.
function toolsOf(tree) {
  for (let node = tree.previousElementSibling; node; node = node.previousElementSibling) {
    if (node.matches('.jsontools')) return node
  }
  return tree.parentElement.closest('.json') ? toolsOf(tree.parentElement.closest('.json')) : null
}

const plainName = /^[A-Za-z_][A-Za-z0-9_]*$/

// steps returns the names and indices that lead to a row, from the root of the text.
function steps(row, tree) {
  const path = []
  for (; row && row !== tree; row = row.parentElement.closest('li, .json')) {
    if (row.dataset.k !== undefined) path.unshift(JSON.parse(row.dataset.k))
    else if (row.dataset.i !== undefined) path.unshift(Number(row.dataset.i))
  }
  return path
}

const pointer = (row, tree) => tree.dataset.at + steps(row, tree).map(step => '/' + String(step).replaceAll('~', '~0').replaceAll('/', '~1')).join('')

// pathOf returns where a row is as a jq program. The root of a branch says its own place by its pointer.
function pathOf(row, tree) {
  const base = tree.dataset.at.split('/').slice(1).map(token => token.replaceAll('~1', '/').replaceAll('~0', '~')).map(token => /^\d+$/.test(token) ? Number(token) : token)
  const text = [...base, ...steps(row, tree)].map(step => typeof step === 'number' ? `[${step}]` : plainName.test(step) ? '.' + step : `[${JSON.stringify(step)}]`).join('')
  return text.startsWith('.') ? text : '.' + text
}

// choose makes a row the current one; null: the root.
function choose(row, focus = true) {
  const tree = treeOf(row)
  for (const other of all('.at', tree)) {
    other.classList.remove('at')
    if (other.tabIndex === 0 && other.tagName === 'LI') other.tabIndex = -1
  }
  row.classList.add('at')
  const target = handle(row)
  if (target === row) row.tabIndex = 0
  if (focus) target.focus({ preventScroll: false })
  const tools = toolsOf(tree)
  if (tools) one('.jsonpath', tools).textContent = pathOf(row, tree)
}

function move(tree, row, by) {
  const rows = rowsOf(tree)
  const at = rows.indexOf(row)
  const next = rows[Math.max(0, Math.min(rows.length - 1, at + by))]
  if (next) choose(next)
}

document.addEventListener('keydown', event => {
  const tree = event.target.closest?.('.json')
  if (!tree || event.altKey || event.ctrlKey || event.metaKey) return
  const row = event.target.closest('li')
  const details = row && tree.contains(row) ? one(':scope > details', row) : one(':scope > details', tree)
  const act = {
    ArrowDown: () => move(tree, row, 1),
    ArrowUp: () => move(tree, row, -1),
    ArrowRight: () => { if (details && !details.open) details.open = true; else move(tree, row, 1) },
    ArrowLeft: () => {
      if (details?.open) details.open = false
      else if (row?.parentElement.closest('li')) choose(row.parentElement.closest('li'))
    },
    c: () => copy(tree, row, 'value'),
    p: () => copy(tree, row, 'path'),
  }[event.key]
  if (!act) return
  event.preventDefault()
  event.stopPropagation()
  act()
}, true)

document.addEventListener('focusin', event => {
  const row = event.target.closest?.('.json li')
  if (row && !row.classList.contains('at')) choose(row, false)
})

document.addEventListener('click', event => {
  const rest = event.target.closest('.json a[data-rest]')
  if (rest) {
    event.preventDefault()
    return void openRest(rest)
  }
  const hit = event.target.closest('.jsonfound a[data-hit]')
  if (hit) {
    event.preventDefault()
    return void show(hit)
  }
  const button = event.target.closest('[data-json-copy]')
  if (button) {
    const tools = button.closest('.jsontools')
    let tree = tools.nextElementSibling
    while (tree && !tree.matches('.json')) tree = tree.nextElementSibling
    if (tree) copy(tree, one('li.at', tree), button.dataset.jsonCopy)
    return
  }
  const row = event.target.closest('.json li')
  if (row && !event.target.closest('a') && !String(getSelection())) choose(row, handle(row) === row)
})

// ---- Copying --------------------------------------------------------------

// largest is the size of a value, in bytes, up to which it is copied.
const largest = 16 << 20

async function copy(tree, row, what) {
  const tools = toolsOf(tree)
  const told = text => { if (tools) one('[role=status]', tools).textContent = text }
  try {
    await navigator.clipboard.writeText(what === 'path' ? pathOf(row || tree, tree) : await valueOf(tree, row))
    told(what === 'path' ? T('The path is copied.') : T('The value is copied.'))
    const button = tools && one(`[data-json-copy=${what}]`, tools)
    button?.classList.add('did')
    setTimeout(() => button?.classList.remove('did'), 1200)
  } catch (error) {
    told(what === 'path' ? T('The path is not copied: %s', error.message) : T('The value is not copied: %s', error.message))
  }
}

// valueOf returns the JSON text of a row: from the server, or as far as the page has it.
async function valueOf(tree, row) {
  if (tree.dataset.json) {
    const text = await load(`${tree.dataset.json}&as=value&at=${encodeURIComponent(pointer(row || tree, tree))}`)
    if (text.length > largest) throw new Error(T('it is too large, save the raw text instead'))
    return text
  }
  const value = [...(row || tree).childNodes].filter(node => !node.classList?.contains('k') && node !== (row && one(':scope > .k + .p', row)))
  const copy = document.createElement('div')
  copy.append(...value.map(node => node.cloneNode(true)))
  all('.more', copy).forEach(more => more.remove())
  all('li + li', copy).forEach(item => item.prepend(','))
  if (one('.rest', copy)) throw new Error(T('not all of it is on the page'))
  return copy.textContent
}

// ---- Search ---------------------------------------------------------------

let typed = 0 // timer

// What is typed is searched for after a short pause.
document.addEventListener('input', event => {
  const form = event.target.closest?.('.jsonsearch')
  if (!form) return
  clearTimeout(typed)
  typed = setTimeout(() => form.isConnected && form.requestSubmit(), 300)
})

// show opens the tree at what a search has found, below the hit.
async function show(hit) {
  const item = hit.closest('li')
  const open = one('.hit', item)
  if (open) return open.remove()
  const place = document.createElement('div')
  place.className = 'hit'
  item.append(place)
  try {
    place.innerHTML = await load(hit.href + '&as=tree')
    one('summary', place)?.focus()
  } catch (error) {
    failed(place, error, () => { place.remove(); show(hit) })
  }
}
