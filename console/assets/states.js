// Script of the states of a page: the bar with what does not answer, forms that wait for their answer, and errors. Every page also
// works without it.
(() => {
  'use strict'
  const one = (selector, root = document) => root.querySelector(selector)
  const all = (selector, root = document) => [...root.querySelectorAll(selector)]
  const root = document.documentElement
  const clock = at => penstockTime(at, { timeStyle: 'medium' })
  const localClocks = within => all('time[data-clock]', within).forEach(time => { time.textContent = clock(time.dateTime) })

  function element(name, properties, ...children) {
    const made = Object.assign(document.createElement(name), properties)
    made.append(...children)
    return made
  }

// ---- What does not answer -------------------------------------------------

  const every = 6000 // ms between two questions of a visible page
  const slowest = 15000 // ms, while the front door does not answer
  let timer = 0
  let failed = 0 // questions in a row without an answer
  let doorAway = 0 // time of the first of them
  let current = Date.now() // time of what the page shows
  let troubles = '' // names of what does not answer
  let asking = false

  // ask asks the front door what does not answer, and shows it. A hidden page asks nothing.
  async function ask() {
    const bar = one('#health')
    clearTimeout(timer)
    if (!bar || document.hidden || asking) return
    asking = true
    const answer = await answerOf(bar.dataset.health)
    asking = false
    if (answer.ended) return showEnded(bar)
    failed = answer.content ? 0 : failed + 1
    if (!answer.content) doorAway ||= Date.now()
    else if (doorAway) doorAway = 0
    timer = setTimeout(ask, failed ? Math.min(slowest, every * failed) : every)
    const before = troubles
    show(bar, answer)
    if (before && before !== troubles) recovered(bar, before.split(' ').filter(name => !troubles.split(' ').includes(name)))
  }

  // answerOf returns the content of the bar; nothing if another one answers than the front door, or nobody.
  async function answerOf(url) {
    try {
      const response = await fetch(url, { headers: { 'HX-Request': 'true' }, cache: 'no-store', signal: AbortSignal.timeout(5000) })
      if (response.status === 401) return { ended: true }
      const content = new DOMParser().parseFromString(await response.text(), 'text/html').querySelector('[data-troubles]')
      return { content, status: response.status }
    } catch {
      return {}
    }
  }

  const namesIn = content => all('[data-trouble]', content).map(trouble => trouble.dataset.trouble).join(' ')

  function show(bar, answer) {
    const content = answer.content || doorTrouble(answer.status)
    const names = namesIn(content)
    const said = all('[data-trouble]', content).map(trouble => trouble.dataset.trouble + one('time', trouble)?.dateTime).join()
    if (bar.dataset.said !== said) {
      bar.dataset.said = said
      bar.replaceChildren(document.importNode(content, true))
      localClocks(bar)
    }
    troubles = names
    const blind = ['door', 'redis'].some(name => names.split(' ').includes(name))
    if (blind) root.dataset.away = names
    else {
      delete root.dataset.away
      if (!document.hidden && one('[data-poll], [data-stream]')) current = Date.now()
    }
    const old = one('.asof', bar)
    if (!blind) old?.remove()
    else if (!old) one('[data-troubles]', bar).append(element('p', { className: 'asof' }, T('What you see is of %s.', clock(current))))
  }

  // doorTrouble is the content of the bar while the front door does not answer. status is that of another one that answers for it.
  function doorTrouble(status) {
    const offline = navigator.onLine === false
    const title = offline ? T('This browser is not connected') : T('The front door does not answer')
    const text = offline ? T('Calls of others are not affected. What you type here stays; nothing is sent until you are connected.')
      : (status ? T('A server between here and it answers with status %s.', status) + ' ' : '') +
        T('Calls to it are not accepted either, and must be sent again, unless another front door takes them; accepted runs go on. What you type here stays.')
    const since = element('time', { dateTime: new Date(doorAway).toISOString() }, T('now'))
    since.dataset.ago = ''
    const box = element('div', { className: 'callout bad' }, element('div', {},
      element('p', {}, element('strong', {}, title), ' ', element('span', { className: 'since' }, T('since'), ' ', clock(doorAway), ' · ', since)), element('p', {}, text)))
    box.dataset.trouble = 'door'
    const content = element('div', {}, box)
    content.dataset.troubles = '1'
    return content
  }

  // recovered refreshes what the page shows after something answers again.
  function recovered(bar, names) {
    if (!names.length) return
    if (!root.dataset.away) document.dispatchEvent(new Event('penstock:back'))
    const stale = 'away' in bar.dataset || one('[data-fault]')
    const live = one('[data-poll], [data-stream]')
    if (root.dataset.away) return
    if (names.length === 1 && names[0] === 'workers') return tell(bar, T('A worker is running again.'))
    if (live && !stale) {
      for (const part of all('[data-poll]')) htmx.trigger(part, 'poll')
      current = Date.now()
      return tell(bar, T('It answers again since %s.', clock(Date.now())))
    }
    if (!('posted' in bar.dataset) && !touched()) return location.reload()
    const link = element('a', { href: location.pathname + location.search }, T('Load the page again'))
    tell(bar, T('It answers again since %s. What you typed is still here.', clock(Date.now())) + ' ', link)
  }

  // touched reports whether a reload would lose something that was typed or opened.
  function touched() {
    if (one('dialog[open], .cm-editor, .once')) return true
    return all('input, textarea, select').some(field => {
      if (field.type === 'hidden' || field.closest('[data-keep]')) return false
      if (field.type === 'checkbox' || field.type === 'radio') return field.checked !== field.defaultChecked
      if (field.tagName === 'SELECT') return [...field.options].some(option => option.selected !== option.defaultSelected) && field.selectedIndex > 0
      return field.value !== field.defaultValue
    })
  }

  // tell shows that something is well again: for a while, or until the next change if there is something to do.
  function tell(bar, text, link) {
    one('.back', bar)?.remove()
    const back = element('p', { className: 'notice back' }, element('span', {}, text, link || ''))
    bar.append(back)
    if (!link) setTimeout(() => back.remove(), 8000)
  }

  // showEnded says that the session is over. Nothing further is asked until the page is looked at again.
  function showEnded(bar) {
    if (one('[data-fault]') && !one('.app') && !('posted' in bar.dataset)) return location.reload() // it leads to the sign-in page
    if (bar.dataset.said === 'ended') return
    bar.dataset.said = troubles = 'ended'
    document.dispatchEvent(new Event('penstock:ended'))
    if (one('#ended')) return bar.replaceChildren() // the page says so already, with a way to sign in over it
    const to = bar.dataset.health.replace(/health$/, 'signin?to=') + encodeURIComponent(location.pathname + location.search)
    const box = element('div', { className: 'callout warn' }, element('div', {},
      element('p', {}, element('strong', {}, T('Your session has ended'))), element('p', {}, T('Sign in to go on.'), ' ', element('a', { href: to }, T('Sign in')))))
    box.dataset.trouble = 'ended'
    bar.replaceChildren(element('div', {}, box))
  }

  // Signed in over the page: what was said of the session is no longer so.
  document.addEventListener('penstock:signedin', () => {
    const bar = one('#health')
    if (bar?.dataset.said !== 'ended') return
    bar.dataset.said = troubles = ''
    bar.replaceChildren()
    ask()
  })

  function begin() {
    const bar = one('#health')
    if (!bar) return
    localClocks(bar)
    troubles = namesIn(bar)
    bar.dataset.said = all('[data-trouble]', bar).map(trouble => trouble.dataset.trouble + one('time', trouble)?.dateTime).join()
    if ('away' in bar.dataset) root.dataset.away = troubles
    timer = setTimeout(ask, troubles ? every / 2 : every)
  }

  document.addEventListener('visibilitychange', () => { if (!document.hidden) ask() })
  addEventListener('online', ask)
  addEventListener('offline', ask)
  document.addEventListener('htmx:afterSwap', () => { current = Date.now() })
  document.addEventListener('penstock:fresh', () => { current = Date.now() })
  if (document.readyState !== 'loading') begin()
  else document.addEventListener('DOMContentLoaded', begin)

// ---- Times to come --------------------------------------------------------

  function until(then) {
    const s = (then - Date.now()) / 1000
    if (s < 1) return T('now')
    if (s < 60) return T('in %ds', Math.floor(s))
    if (s < 3600) return T('in %dm', Math.floor(s / 60))
    if (s < 172800) return T('in %dh', Math.floor(s / 3600))
    return T('in %dd', Math.floor(s / 86400))
  }

  setInterval(() => {
    for (const time of all('time[data-in]')) {
      const text = until(Date.parse(time.dateTime))
      if (time.textContent !== text) time.textContent = text
    }
  }, 5000)

// ---- Forms that wait ------------------------------------------------------

  const patience = 20000 // ms after which a form may be sent again although there was no answer

  const sends = form => (form.getAttribute('method') || '').toLowerCase() === 'post' || form.hasAttribute('hx-post')

  // hold marks a form, or a button that sends something itself, as sent.
  function hold(form, button) {
    form.dataset.sending = ''
    form.setAttribute('aria-busy', 'true')
    const pressed = button || (form.matches('button') ? form : one('button:not([type=button])', form))
    if (pressed) {
      pressed.classList.add('sending')
      pressed.setAttribute('aria-disabled', 'true')
    }
    clearTimeout(form.release)
    form.release = setTimeout(() => release(form), form.dataset.download === undefined ? patience : 2000)
  }

  // release lets a form be sent again: as another one if renewed, else the server handles it once if it has come already.
  function release(form, renewed) {
    clearTimeout(form.release)
    delete form.dataset.sending
    form.removeAttribute('aria-busy')
    for (const button of [form, ...all('.sending', form)]) {
      if (!button.classList.contains('sending')) continue
      button.classList.remove('sending')
      button.removeAttribute('aria-disabled')
    }
    if (!renewed) return
    for (const field of all('input[name=once]', form.closest('form') || form)) field.value = crypto.getRandomValues(new Uint32Array(4)).join('-')
  }


  document.addEventListener('submit', event => {
    const form = event.target
    if (!sends(form)) return
    if ('sending' in form.dataset || cannotSend()) {
      event.preventDefault()
      event.stopImmediatePropagation()
      return
    }
    form.dataset.sending = ''
    const button = event.submitter
    setTimeout(() => { // after the other handlers: one of them may have asked first
      if (event.defaultPrevented && !form.hasAttribute('hx-post') && !button?.hasAttribute('hx-post')) release(form)
      else if ('sending' in form.dataset) hold(form, button)
    })
  }, true)

  // cannotSend reports whether the front door is known not to answer, and says so: what was typed stays.
  function cannotSend() {
    if (!(root.dataset.away || '').split(' ').includes('door')) return false
    notSent(T('the front door does not answer'))
    return true
  }

  function notSent(why) {
    complain(T('Not sent: %s. What you typed is still here; send it again when it does.', why))
    ask()
  }

  // The session is looked at before a form is sent; detail: there was no answer at all.
  document.addEventListener('penstock:notsent', event => notSent(event.detail ? T('the front door does not answer') : T('Redis does not answer')))

  addEventListener('pageshow', () => all('[data-sending]').forEach(form => release(form, true))) // Back
  document.addEventListener('keydown', event => { // Escape stops a page that is on its way
    if (event.key === 'Escape') all('form[data-sending]:not([hx-post])').forEach(form => release(form))
  })

  const polled = event => event.detail.requestConfig?.triggeringEvent?.type === 'poll'
  const writes = event => event.detail.requestConfig && event.detail.requestConfig.verb !== 'get'

  document.addEventListener('htmx:beforeRequest', event => {
    const sender = event.detail.elt
    if (!polled(event)) one('#trouble')?.replaceChildren()
    if (!writes(event) || sender.matches('form') && event.detail.requestConfig.triggeringEvent?.type !== 'submit') return
    if (!sender.matches('form') && ('sending' in sender.dataset || cannotSend())) return event.preventDefault()
    hold(sender, event.detail.requestConfig.triggeringEvent?.submitter)
  })
  document.addEventListener('htmx:afterRequest', event => {
    if (writes(event)) release(event.detail.elt, ![0, 502, 503, 504].includes(event.detail.xhr.status)) // else it is not known whether it was done
  })

// ---- Errors ---------------------------------------------------------------

  // complain shows an error where it is seen, with the id of the request, if there is one.
  function complain(text, id) {
    const place = one('#trouble') || document.body.insertBefore(element('div', { id: 'trouble', role: 'alert' }), document.body.firstChild)
    const close = element('button', { type: 'button', className: 'quiet close', title: T('Close') }, '×')
    close.dataset.close = ''
    close.setAttribute('aria-label', T('Close the message'))
    const said = element('div', {}, element('p', {}, text))
    if (id) {
      const copy = element('button', { type: 'button', className: 'quiet copy' }, T('copy'))
      copy.dataset.copy = id
      said.append(element('p', { className: 'reqid' }, T('Request') + ' ', element('code', {}, id), ' ', copy))
    }
    place.replaceChildren(element('div', { className: 'callout bad' }, said, close))
  }

  // A link to a folded form unfolds it.
  document.addEventListener('click', event => {
    const folded = document.getElementById(event.target.closest('a[data-opens]')?.hash.slice(1) || '-')
    if (!folded) return
    event.preventDefault()
    event.stopPropagation() // a click elsewhere closes menus
    folded.open = true
    one('input:not([type=hidden]), select, textarea, a', folded)?.focus()
  }, true)

  document.addEventListener('click', event => {
    const close = event.target.closest('[data-close]')
    if (close) close.closest('.callout').remove()
  })

  document.addEventListener('htmx:beforeSwap', event => {
    // While Redis does not answer the bar says so: an automatic refresh says nothing of its own.
    if (polled(event) && event.detail.xhr.status === 503) {
      event.detail.shouldSwap = false
      ask()
    }
  })
  document.addEventListener('htmx:responseError', event => {
    const { xhr } = event.detail
    if (xhr.getResponseHeader('HX-Retarget') || xhr.getResponseHeader('HX-Redirect') || polled(event) && xhr.status >= 500) return
    complain(T('The server answered with status %s.', xhr.status) + (writes(event) ? ' ' + T('It is not known whether this was done: look before you send it again.') : ''), xhr.getResponseHeader('X-Request-Id'))
  })
  for (const name of ['htmx:sendError', 'htmx:timeout']) {
    document.addEventListener(name, event => {
      ask()
      if (polled(event)) return
      complain(writes(event) ? T('The front door does not answer. It is not known whether this was done: look before you send it again.') : T('The front door does not answer. Try again in a moment.'))
    })
  }
  addEventListener('unhandledrejection', event => {
    if (event.reason instanceof TypeError) complain(T('A part of this page could not be loaded. Load the page again.'))
  })
})()
