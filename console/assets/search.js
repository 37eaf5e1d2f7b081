// Script of the search boxes and of the list of runs: completion, selection over pages, newer runs, times of the browser's time
// zone. Without it the boxes and the forms still work.
(() => {
  'use strict'
  const one = (selector, root = document) => root.querySelector(selector)
  const all = (selector, root = document) => [...root.querySelectorAll(selector)]

  // ---- Times ----------------------------------------------------------------

  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
  if (zone && !document.cookie.split('; ').includes('penstock_zone=' + encodeURIComponent(zone))) {
    document.cookie = `penstock_zone=${encodeURIComponent(zone)}; path=/console; max-age=31536000; samesite=lax` + (location.protocol === 'https:' ? '; secure' : '')
  }

  function writeTimes(root) {
    for (const time of all('time[data-moment]', root)) time.textContent = penstockTime(time.dateTime, { dateStyle: 'medium', timeStyle: 'long' })
    if (zone && !document.documentElement.dataset.timeZone) for (const name of all('[data-zone]', root)) name.textContent = zone
  }

  // ---- Completion -----------------------------------------------------------

  let fields // promise of the names and values that the server knows

  const fieldsOf = input => fields ??= fetch(input.dataset.fields, { headers: { Accept: 'application/json' } })
    .then(answer => answer.ok ? answer.json() : []).catch(() => [])

  // wordAt returns the part of a text up to the caret that is completed: the last word, which may have quotes.
  function wordAt(text, caret) {
    let start = 0, quoted = false
    for (let i = 0; i < caret; i++) {
      if (text[i] === '"') quoted = !quoted
      else if (!quoted && /\s/.test(text[i])) start = i + 1
    }
    return { start, word: text.slice(start, caret) }
  }

  const quote = value => /[\s",]/.test(value) ? '"' + value.replaceAll('\\', '\\\\').replaceAll('"', '\\"') + '"' : value

  // offers lists what a word can become: {insert, text, note}, names with a colon, values with a space behind them.
  function offers(fields, word) {
    const [, not, rest] = /^(-?)(.*)$/s.exec(word)
    const colon = rest.indexOf(':')
    if (colon < 0) {
      const names = fields.filter(f => f.name !== 'label.').map(f => ({ insert: not + f.name + ':', text: f.name + ':', note: f.kind === 'text' || f.name === 'flow' ? '' : f.kind }))
      const labels = fields.find(f => f.name === 'label.')?.values ?? []
      names.push(...labels.map(([name]) => ({ insert: `${not}label.${name}:`, text: `label.${name}:`, note: 'label' })))
      const like = rest.toLowerCase()
      return [...names.filter(n => n.text.startsWith(like)), ...names.filter(n => like.length > 1 && n.text.includes(like) && !n.text.startsWith(like))]
    }
    const field = fields.find(f => f.name === rest.slice(0, colon))
    const listed = rest.slice(colon + 1)
    const comma = /"/.test(listed) ? -1 : listed.lastIndexOf(',')
    const before = not + rest.slice(0, colon + 1) + listed.slice(0, comma + 1)
    const like = listed.slice(comma + 1).replaceAll('"', '').toLowerCase()
    const matching = (field?.values ?? []).filter(([value, note]) => (value + ' ' + note).toLowerCase().includes(like) && value.toLowerCase() !== like)
    matching.sort(([a], [b]) => b.toLowerCase().startsWith(like) - a.toLowerCase().startsWith(like))
    return matching.map(([value, note]) => ({ insert: before + quote(value) + ' ', text: value, note }))
  }

  const maxOffers = 12
  let boxes = 0

  function complete(input) {
    const list = document.createElement('ul')
    list.id = 'offers-' + ++boxes
    list.className = 'offers'
    list.setAttribute('role', 'listbox')
    list.setAttribute('aria-label', T('Completions'))
    list.hidden = true
    input.closest('form').append(list)
    for (const [name, value] of Object.entries({ role: 'combobox', 'aria-autocomplete': 'list', 'aria-expanded': 'false', 'aria-controls': list.id })) input.setAttribute(name, value)
    let shown = [], at = -1, asked = 0

    const close = () => {
      asked++
      list.hidden = true
      at = -1
      input.setAttribute('aria-expanded', 'false')
      input.removeAttribute('aria-activedescendant')
    }
    const mark = next => {
      at = next
      ;[...list.children].forEach((option, i) => option.setAttribute('aria-selected', String(i === at)))
      if (at < 0) return input.removeAttribute('aria-activedescendant')
      input.setAttribute('aria-activedescendant', list.children[at].id)
      list.children[at].scrollIntoView({ block: 'nearest' })
    }
    const take = offer => {
      const { start } = wordAt(input.value, input.selectionStart)
      const rest = input.value.slice(input.selectionStart).replace(/^\S*\s?/, '')
      input.value = input.value.slice(0, start) + offer.insert + rest
      input.setSelectionRange(start + offer.insert.length, start + offer.insert.length)
      show(true)
    }
    const show = async empty => {
      const turn = ++asked
      const known = await fieldsOf(input)
      if (turn !== asked || document.activeElement !== input) return
      const { word } = wordAt(input.value, input.selectionStart)
      shown = word || empty === 'names' ? offers(known, word).slice(0, maxOffers) : []
      if (!shown.length || shown.length === 1 && shown[0].insert.trim() === word) return close()
      list.replaceChildren(...shown.map((offer, i) => {
        const option = document.createElement('li')
        option.id = `${list.id}-${i}`
        option.setAttribute('role', 'option')
        option.setAttribute('aria-selected', 'false')
        option.append(Object.assign(document.createElement('code'), { textContent: offer.text }))
        if (offer.note) option.append(Object.assign(document.createElement('span'), { className: 'faint', textContent: offer.note }))
        option.addEventListener('mousedown', event => { event.preventDefault(); take(offer) })
        return option
      }))
      list.hidden = false
      input.setAttribute('aria-expanded', 'true')
      mark(-1)
    }
    input.addEventListener('input', () => show())
    input.addEventListener('blur', close)
    input.form.addEventListener('submit', close)
    input.addEventListener('keydown', event => {
      if (event.isComposing) return
      if (list.hidden) {
        if (event.key === 'ArrowDown') {
          event.preventDefault()
          show('names')
        }
        return
      }
      const n = shown.length
      if (event.key === 'ArrowDown') mark(at + 1 >= n ? -1 : at + 1)
      else if (event.key === 'ArrowUp') mark(at < 0 ? n - 1 : at - 1)
      else if (event.key === 'Escape') close()
      else if (at >= 0 && (event.key === 'Enter' || event.key === 'Tab')) take(shown[at])
      else return
      event.preventDefault() // also of the shortcuts of the page
      event.stopPropagation()
    })
  }

  // ---- Selection ------------------------------------------------------------

  const storage = 'penstock_picked', maxPicked = 1000
  let picked = new Set() // ids, also of other pages of the search
  let last // the box that was changed last

  const boxesOf = () => all('#runs [data-pick]')

  // recall reads what is selected in this search.
  function recall() {
    let kept = {}
    try { kept = JSON.parse(sessionStorage.getItem(storage)) ?? {} } catch { /* what is kept is none of ours */ }
    picked = new Set(kept.search === one('#runs')?.dataset.matching ? kept.ids : [])
  }

  function keep() {
    try { sessionStorage.setItem(storage, JSON.stringify({ search: one('#runs')?.dataset.matching, ids: [...picked] })) } catch { /* the selection is of this page alone */ }
  }

  function pick(box, on) {
    if (on && !picked.has(box.value) && picked.size >= maxPicked) on = false
    box.checked = on
    if (on) picked.add(box.value)
    else picked.delete(box.value)
  }

  // pickRange changes all boxes from the one that was changed last to another one.
  function pickRange(box, on) {
    const every = boxesOf(), from = every.indexOf(last), to = every.indexOf(box)
    if (from < 0) pick(box, on)
    else every.slice(Math.min(from, to), Math.max(from, to) + 1).forEach(each => pick(each, on))
  }

  function showSelection() {
    const bar = one('[data-selected]')
    if (!bar) return
    const here = boxesOf().filter(box => box.checked).length, n = picked.size
    const every = one('[data-all]', bar)
    bar.classList.toggle('some', n > 0)
    one('[data-selected-count]', bar).textContent = every?.checked ? T('All that match') :
      T('%d selected', n) + (n > here ? ', ' + T('%d on other pages', n - here) : '') + (n >= maxPicked ? ', ' + T('which is the most') : '')
    one('[data-compare]', bar).disabled = n !== 2 || !!every?.checked
    one('[data-unselect]', bar).hidden = false
    const page = one('[data-pick-page]')
    if (!page) return
    page.hidden = false
    page.checked = here > 0 && here === boxesOf().length
    page.indeterminate = here > 0 && !page.checked
    hold()
  }

  function changed() {
    keep()
    showSelection()
  }

  document.addEventListener('click', event => {
    const box = event.target.closest?.('#runs [data-pick]')
    if (box) {
      if (event.shiftKey) pickRange(box, box.checked)
      else pick(box, box.checked)
      last = box
      changed()
    }
    if (event.target.matches?.('[data-pick-page]')) {
      boxesOf().forEach(each => pick(each, event.target.checked))
      changed()
    }
    if (event.target.matches?.('[data-all]')) showSelection()
    if (event.target.closest?.('[data-unselect]')) {
      const every = one('[data-all]')
      if (every) every.checked = false
      picked.clear()
      boxesOf().forEach(each => pick(each, false))
      changed()
      one('#runs [data-open]')?.focus()
    }
  })

  // The form has the runs of other pages, too.
  document.addEventListener('formdata', event => {
    if (event.target.id !== 'chosen') return
    const here = new Set(event.formData.getAll('run'))
    for (const id of picked) if (!here.has(id)) event.formData.append('run', id)
  })

  document.addEventListener('keydown', event => {
    const field = event.target.closest?.('input:not([type=checkbox]), textarea, select, [contenteditable]')
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || field || one('dialog[open]')) return
    if (event.key !== 'x' && event.key !== 'X') return
    const row = event.target.closest?.('tr[data-row]') ?? one('#runs tr.at')
    const box = row && one('[data-pick]', row)
    if (!box) return
    event.preventDefault()
    if (event.shiftKey) pickRange(box, true)
    else pick(box, !box.checked)
    last = box
    changed()
  })

  // ---- Newer runs -----------------------------------------------------------

  // The list stays as it is while somebody reads or is about to click: when it is scrolled, has selected runs, or the pointer
  // has moved over its rows. Newer runs are announced above it then.
  const restTime = 5000, askEvery = 5000
  let moved = -restTime

  document.addEventListener('pointermove', event => {
    if (!event.target.closest?.('#runs tbody')) return
    moved = performance.now()
    hold()
  }, { passive: true })

  function hold() {
    const part = one('#runs')
    if (!part) return false
    const held = picked.size > 0 || scrollY > 80 || performance.now() - moved < restTime
    part.toggleAttribute('data-hold', held)
    return held || part.contains(document.activeElement)
  }
  document.addEventListener('scroll', hold, { passive: true })
  setInterval(hold, 1000)

  setInterval(() => {
    const newer = one('#newer'), live = one('[data-live]')
    if (newer && !document.hidden && (!live || live.checked) && hold()) htmx.trigger(newer, 'newer')
  }, askEvery)

  // While a search is on its way, the refresh of the list that it replaces waits: its answer would take the place of that of the
  // search. (An aborted request would be an error of the page.)
  const searching = event => event.detail.requestConfig.elt.id === 'runs' && one('form.filters.htmx-request')
  document.addEventListener('htmx:beforeRequest', event => { if (searching(event)) event.preventDefault() })
  document.addEventListener('htmx:beforeSwap', event => { if (searching(event)) event.detail.shouldSwap = false })

  // ---- New parts ------------------------------------------------------------

  function prepare(root) {
    writeTimes(root)
    for (const input of all('input[data-fields]', root)) {
      if (input.getAttribute('role') !== 'combobox') complete(input)
    }
    if (location.pathname.startsWith('/console/operations/')) sessionStorage.removeItem(storage)
    if (root.id === 'runs' || one('#runs', root)) {
      recall()
      boxesOf().forEach(box => { box.checked = picked.has(box.value) })
      showSelection()
    }
  }

  document.addEventListener('htmx:load', event => prepare(event.detail.elt))
  addEventListener('pageshow', event => { if (event.persisted) prepare(document.body) })
  if (document.readyState !== 'loading') prepare(document.body)
  else document.addEventListener('DOMContentLoaded', () => prepare(document.body))
})()
