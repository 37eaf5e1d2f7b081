// The search for pages and actions over a page: Ctrl-K. It is loaded when it is opened first.
const one = (selector, root = document) => root.querySelector(selector)
const all = (selector, root = document) => [...root.querySelectorAll(selector)]
const wait = 80 // milliseconds between the last key and the request

let box, input, answer, said
let at = -1, asked = 0, timer
let answered // the text of the answer that is shown

function build(link) {
  const style = document.createElement('link')
  style.rel = 'stylesheet'
  style.href = link.dataset.style
  const styled = new Promise(done => { style.onload = style.onerror = done })
  document.head.append(style)
  box = document.createElement('dialog')
  box.id = 'palette'
  box.setAttribute('aria-label', T('Go to'))
  box.innerHTML = `<div class="ask"><input type="text" role="combobox" aria-label="${T('Page, thing or action')}" aria-autocomplete="list" aria-expanded="true"
    aria-controls="palette-list" maxlength="200" spellcheck="false" autocapitalize="none" autocomplete="off" placeholder="Page, flow, run id, action…"><kbd>Esc</kbd></div>
    <div class="answer"></div><p class="sr" role="status"></p>`
  document.body.append(box)
  input = one('input', box)
  answer = one('.answer', box)
  said = one('[role=status]', box)
  input.addEventListener('input', () => {
    clearTimeout(timer)
    timer = setTimeout(find, wait, link)
  })
  input.addEventListener('keydown', event => key(event, link))
  box.addEventListener('click', event => {
    const chosen = event.target.closest('.found')
    if (event.target === box || chosen?.matches('[data-theme-switch], [data-help]')) box.close()
    if (chosen?.href?.includes('#') && new URL(chosen.href).pathname === location.pathname) box.close()
  })
  return styled
}

// find asks for what the text finds. Of several answers that of the last question is shown.
async function find(link) {
  const turn = ++asked, text = input.value
  try {
    const response = await fetch(link.href + '?q=' + encodeURIComponent(text), { headers: { 'HX-Request': 'true' }, cache: 'no-store' })
    if (response.status === 401) return location.assign(link.href) // the session has ended: that page signs in
    if (!response.ok) throw new Error(`${response.status}`)
    const html = await response.text()
    if (turn !== asked) return
    answered = text
    show(html)
  } catch {
    if (turn !== asked) return
    answer.replaceChildren(Object.assign(document.createElement('p'), { className: 'hint pad', textContent: T('The server does not answer. Try again.') }))
    said.textContent = T('The server does not answer.')
    mark(-1)
  }
}

function show(html) {
  answer.innerHTML = html // made by the server, which escapes what it shows
  const list = one('.finds', answer)
  list.id = 'palette-list'
  list.setAttribute('role', 'listbox')
  list.setAttribute('aria-label', T('Found'))
  for (const group of all('.findgroup', list)) {
    group.setAttribute('role', 'group')
    one('h2', group).setAttribute('role', 'presentation')
  }
  for (const hint of all('.hint', list)) hint.setAttribute('role', 'presentation')
  const found = finds()
  for (const each of found) {
    each.setAttribute('role', 'option')
    each.tabIndex = -1
  }
  if (!found.length) list.removeAttribute('role')
  said.textContent = TN(found.length, '%d result', '%d results')
  mark(found.length ? 0 : -1)
  answer.scrollTop = 0
}

const finds = () => all('.found', answer)

function mark(next) {
  at = next
  const found = finds()
  found.forEach((each, i) => each.setAttribute('aria-selected', String(i === at)))
  if (at < 0) return input.removeAttribute('aria-activedescendant')
  input.setAttribute('aria-activedescendant', found[at].id)
  found[at].scrollIntoView({ block: 'nearest' })
}

async function key(event, link) {
  if (event.isComposing) return
  const n = finds().length
  const to = { ArrowDown: (at + 1) % n, ArrowUp: (at - 1 + n) % n, PageDown: Math.min(n - 1, at + 8), PageUp: Math.max(0, at - 8) }[event.key]
  if (to !== undefined) {
    event.preventDefault()
    if (n) mark(to)
  }
  if (event.key === 'Enter') {
    event.preventDefault()
    clearTimeout(timer)
    const away = event.ctrlKey || event.metaKey
    if (answered !== input.value) await find(link) // what is chosen is what was typed, however fast
    choose(finds()[Math.max(at, 0)], away)
  }
}

function choose(found, away) {
  if (!found) return
  if (found.href && away) open(found.href, '_blank', 'noopener')
  else found.click()
}

// toggle opens the search, or closes it.
export async function toggle(link) {
  if (box?.open) return box.close()
  if (!box) await build(link)
  input.value = ''
  answered = undefined
  answer.replaceChildren()
  box.showModal()
  input.focus()
  await find(link)
}
