// Script of the console's pages: keyboard shortcuts, refreshing, live updates and editors. Every page also works without
// it, by links and forms.
(() => {
  'use strict'
  const one = (selector, root = document) => root.querySelector(selector)
  const all = (selector, root = document) => [...root.querySelectorAll(selector)]
  const script = document.currentScript

// ---- Colour scheme --------------------------------------------------------

  function switchTheme() {
    const dark = getComputedStyle(document.documentElement).colorScheme === 'dark' ||
      (!document.documentElement.dataset.theme && matchMedia('(prefers-color-scheme: dark)').matches)
    const next = dark ? 'light' : 'dark'
    document.documentElement.dataset.theme = next
    const account = one('.foot .who')?.pathname
    if (!account) return
    document.cookie = `penstock_theme=${next}; path=${account.replace(/\/account$/, '')}; max-age=31536000; samesite=lax` + (location.protocol === 'https:' ? '; secure' : '')
  }

// ---- Times ----------------------------------------------------------------

  function ago(then) {
    const s = (Date.now() - then) / 1000
    if (s < 2) return T('now')
    if (s < 60) return T('%ds ago', Math.floor(s))
    if (s < 3600) return T('%dm ago', Math.floor(s / 60))
    if (s < 172800) return T('%dh ago', Math.floor(s / 3600))
    if (s < 7776000) return T('%dd ago', Math.floor(s / 86400))
    return ''
  }

  function updateTimes(root = document) {
    for (const time of all('time[data-ago]', root)) {
      const then = Date.parse(time.dateTime)
      const text = ago(then)
      if (text && time.textContent !== text) time.textContent = text
      if (!time.dataset.local) {
        time.dataset.local = 'yes'
        time.title = penstockTime(then, { dateStyle: 'medium', timeStyle: 'long' })
      }
    }
  }

// ---- Keyboard shortcuts ---------------------------------------------------

  let prefix = 0 // time at which g was pressed

  function typing(target) {
    return target.isContentEditable || target.closest('.cm-editor') || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName)
  }

  function moveRow(by) {
    const rows = all('tr[data-row]')
    if (!rows.length) return
    const at = rows.findIndex(row => row.classList.contains('at'))
    const next = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + by))]
    rows.forEach(row => row.classList.toggle('at', row === next))
    const link = one('[data-open]', next)
    if (link) link.focus({ preventScroll: true })
    next.scrollIntoView({ block: 'nearest' })
  }

  // press presses the button of a shortcut: Ctrl-S saves, Ctrl-Enter runs. It reports whether the page has it.
  function press(button, event) {
    if (!button) return
    event.preventDefault()
    if (!event.repeat) button.click()
  }

  // goAnywhere opens the search for pages and actions, which is loaded then.
  function goAnywhere(event) {
    const link = one('[data-anywhere]')
    if (!link) return
    event.preventDefault()
    import(link.dataset.anywhere).then(module => module.toggle(link))
  }

  document.addEventListener('keydown', event => {
    if (event.defaultPrevented || event.altKey || event.isComposing) return
    const modal = one('dialog[open]')
    if (event.ctrlKey || event.metaKey) {
      if (event.key === 'k' && !event.shiftKey && (!modal || modal.id === 'palette')) return goAnywhere(event)
      if (modal || event.shiftKey) return
      if (event.key === 's') press(one('[data-save]'), event)
      if (event.key === 'Enter') press(one('[data-run]') ?? one('[data-run-link]'), event)
      return
    }
    if (event.key === 'Escape') {
      all('details[name=menu][open]').forEach(menu => { menu.open = false })
      // A filter is left. Text that is being written is not: what is typed next would be shortcuts.
      if (event.target.matches('[data-filter]')) event.target.blur()
      return
    }
    if (typing(event.target) || modal) return
    if (Date.now() - prefix < 1500) {
      prefix = 0
      const link = one(`[data-go="${CSS.escape(event.key)}"]`)
      if (link) {
        event.preventDefault()
        link.click()
      }
      return
    }
    const act = {
      g: () => { prefix = Date.now() },
      '/': () => (one('main [data-filter]') ?? one('[data-filter]'))?.focus(),
      '?': () => one('#help')?.showModal(),
      t: switchTheme,
      j: () => moveRow(1),
      k: () => moveRow(-1),
    }[event.key]
    if (act) {
      event.preventDefault()
      act()
    }
  })

  // ---- Clicks ---------------------------------------------------------------

  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy)
    } catch { // navigator.clipboard needs https
      const area = document.createElement('textarea')
      area.value = button.dataset.copy
      document.body.append(area)
      area.select()
      document.execCommand('copy')
      area.remove()
      button.focus()
    }
    button.classList.add('did')
    setTimeout(() => button.classList.remove('did'), 1200)
  }

  document.addEventListener('click', event => {
    const target = event.target
    const button = target.closest('button')
    if (!target.closest('details[name=menu]')) all('details[name=menu][open]').forEach(menu => { menu.open = false })
    if (button?.dataset.copy !== undefined) copy(button)
    if (button?.matches('[data-theme-switch]')) switchTheme()
    if (button?.matches('[data-help]')) one('#help').showModal()
    if (target.closest('[data-anywhere]') && !event.ctrlKey && !event.metaKey) goAnywhere(event)
    if (button?.matches('[data-menu]')) {
      const open = one('#nav').classList.toggle('open')
      button.setAttribute('aria-expanded', String(open))
    }
    if (button?.dataset.fill) {
      const field = document.getElementById(button.dataset.fill)
      field.value = button.dataset.value
      field.dispatchEvent(new Event('filled'))
      button.closest('details').open = false
    }
    const row = target.closest('tr[data-row]')
    if (row && !target.closest('a, button, input, form, label') && !String(getSelection())) one('[data-open]', row)?.click()
  })

  // ---- Refreshing and live updates ------------------------------------------

  function busy(part) {
    return document.hidden || one('.figures[open], [data-chart] .at', part) || one('[data-pick]:checked', part) || part.dataset.hold !== undefined || one('details[name=menu][open]', part) || part.contains(document.activeElement)
  }

  // A page of a session that has ended asks no more until somebody signs in, over it or again.
  let over = false
  document.addEventListener('htmx:afterRequest', event => {
    if (event.detail.requestConfig?.triggeringEvent?.type === 'poll' && event.detail.xhr.status === 401) over = true
  })
  document.addEventListener('penstock:ended', () => { over = true })
  document.addEventListener('penstock:signedin', () => { over = false })

  let polls = 0
  setInterval(() => {
    const live = one('[data-live]')
    polls++
    for (const part of all('[data-poll]')) {
      if (polls % (part.dataset.poll || 1)) continue // the value is a multiple of two seconds
      if ((!live || live.checked) && !over && !document.documentElement.dataset.away && !busy(part)) htmx.trigger(part, 'poll')
    }
  }, 2000)
  setInterval(updateTimes, 5000)

  const streams = new Map()

  // follow replaces the content of a part with each update of its event stream. It keeps details open and focused.
  function follow(part) {
    const source = new EventSource(part.dataset.stream)
    streams.set(part, source)
    source.addEventListener('run', event => {
      if (!part.isConnected) return source.close()
      const open = new Set(all('details[data-key][open]', part).map(details => details.dataset.key))
      const focus = document.activeElement?.closest?.('details[data-key]')?.dataset.key
      const active = document.activeElement
      const loaded = all('[data-keep]', part).filter(kept => !one('[data-placeholder]', kept))
      const kept = new Map(loaded.map(kept => [kept.dataset.keep, kept]))
      part.innerHTML = event.data
      for (const same of all('[data-keep]', part)) { // what does not change keeps its open branches, and what is typed in it
        if (kept.has(same.dataset.keep)) same.replaceWith(kept.get(same.dataset.keep))
      }
      htmx.process(part)
      if (active !== document.activeElement && part.contains(active)) active.focus({ preventScroll: true })
      document.dispatchEvent(new Event('penstock:fresh'))
      for (const details of all('details[data-key]', part)) {
        details.open = open.has(details.dataset.key)
        if (details.dataset.key === focus) one('summary', details).focus({ preventScroll: true })
      }
      updateTimes(part)
    })
    source.addEventListener('end', () => {
      source.close()
      source.ended = true
    })
    source.addEventListener('error', () => {
      if (source.readyState !== EventSource.CLOSED || !part.isConnected) return
      broken.add(part)
      document.dispatchEvent(new Event('penstock:brokenoff'))
    })
  }

  const broken = new Set() // parts whose streams broke off for good, as when the session ends
  document.addEventListener('penstock:signedin', () => {
    for (const part of broken) {
      if (part.isConnected) follow(part)
    }
    broken.clear()
  })

  // ---- Charts ---------------------------------------------------------------

  // barAt is the bar of the chart, or the mark of a deployment, that an event is about.
  const barAt = event => event.target.closest?.('[data-chart] [data-tip]')

  const localTime = penstockTime

  function showTip(bar) {
    const chart = bar.closest('[data-chart]')
    const tip = one('.chart-tip', chart)
    hideTips()
    bar.classList.add('at')
    const to = bar.dataset.to
    const long = to && Date.parse(to) - Date.parse(bar.dataset.from) >= 86400000
    const from = localTime(bar.dataset.from, { dateStyle: 'medium', ...(!long && { timeStyle: 'short' }) })
    tip.textContent = from + (to && !long ? '–' + localTime(to, { timeStyle: 'short' }) : '') + '\n' + bar.dataset.tip
    tip.hidden = false
    const outer = chart.getBoundingClientRect(), inner = bar.getBoundingClientRect()
    const middle = inner.left + inner.width / 2 - outer.left
    tip.style.left = Math.max(0, Math.min(outer.width - tip.offsetWidth, middle - tip.offsetWidth / 2)) + 'px'
  }

  function hideTips() {
    for (const tip of all('.chart-tip')) tip.hidden = true
    for (const bar of all('[data-chart] .at')) bar.classList.remove('at')
  }

  document.addEventListener('pointerover', event => {
    const bar = barAt(event)
    if (bar) showTip(bar)
    else if (!document.activeElement.matches('[data-chart] [data-tip]')) hideTips()
  })
  document.addEventListener('focusin', event => {
    const bar = barAt(event)
    if (bar) showTip(bar)
    else hideTips()
  })
  document.addEventListener('keydown', event => {
    const bar = barAt(event)
    if (!bar) return
    const bars = all('.bar', bar.closest('[data-chart]'))
    const at = bars.indexOf(bar)
    const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: bars.length - 1 }[event.key]
    if (event.key === 'Escape') hideTips()
    if (at < 0 || !bars[next]) return
    event.preventDefault()
    bars.forEach((each, i) => each.setAttribute('tabindex', i === next ? '0' : '-1'))
    bars[next].focus()
  })

  // labelTicks writes the labels of the time axis in the time zone of the browser.
  function labelTicks(root) {
    const forms = { '1h': { timeStyle: 'short' }, '24h': { timeStyle: 'short' }, '7d': { weekday: 'short', day: 'numeric' }, '90d': { day: 'numeric', month: 'short' } }
    for (const tick of all('[data-tick]', root)) tick.textContent = localTime(tick.dataset.atTime, forms[tick.dataset.tick])
  }

  // ---- New parts ------------------------------------------------------------

  const editorLoaded = () => import(script.dataset.editor)

  function prepare(root) {
    updateTimes(root)
    labelTicks(root)
    const at = one('[data-at]', root)?.dataset.at // of the response to a form: a reload must not send the form again
    if (at && at !== location.pathname) history.replaceState(null, '', at)
    for (const part of root.matches?.('[data-stream]') ? [root] : all('[data-stream]', root)) {
      if (!streams.has(part)) follow(part)
    }
    if (script.dataset.pageOfRun && one('[data-json], [data-stream]', root)) import(script.dataset.pageOfRun)
    const fields = all('textarea[data-editor]', root).filter(field => !field.dataset.edited)
    if (fields.length) {
      fields.forEach(field => { field.dataset.edited = 'yes' })
      editorLoaded().then(module => fields.forEach(field => module.edit(field, script.dataset.codemirror)))
    }
  }

  document.addEventListener('htmx:load', event => prepare(event.detail.elt))
  document.addEventListener('htmx:beforeSwap', event => { // error responses are shown, too
    if (event.detail.xhr.status >= 400 && event.detail.xhr.getResponseHeader('HX-Retarget')) event.detail.shouldSwap = true
  })
  document.addEventListener('penstock:back', () => { // the front door answers again: streams that it refused are opened anew
    for (const [part, source] of streams) if (part.isConnected && source.readyState === EventSource.CLOSED && !source.ended) follow(part)
  })
  function openTarget() { // a folded part that the address names
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1))
    if (target && target.matches('details')) target.open = true
  }
  window.addEventListener('hashchange', openTarget)
  document.addEventListener('DOMContentLoaded', openTarget)
  if (document.readyState !== 'loading') prepare(document.body)
  else document.addEventListener('DOMContentLoaded', () => prepare(document.body))
})()
