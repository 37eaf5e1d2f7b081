// Signs in over the page when the session has ended. The page stays as it is, and what was being sent is sent after that.
(() => {
  'use strict'
  const script = document.currentScript
  const { root } = script.dataset
  let user = script.dataset.user // who the page is for
  const one = (selector, from = document) => from.querySelector(selector)
  const quiet = { 'HX-Request': 'true' } // answers that are no whole pages

  // current returns who is signed in with a new CSRF token, or null. It throws if the server does not answer.
  async function current() {
    const response = await fetch(root + '/session', { headers: quiet, cache: 'no-store' })
    if (response.status === 401) return null
    if (!response.ok) throw new Error(`${response.status}`)
    return response.json()
  }

  // renew puts the token into the page.
  function renew(csrf) {
    one('meta[name=csrf]').content = csrf
    document.body.setAttribute('hx-headers', JSON.stringify({ 'X-Csrf-Token': csrf }))
    for (const field of document.querySelectorAll('input[type=hidden][name=csrf]')) {
      if (!field.closest('#signin')) field.value = csrf
    }
  }

  // ---- The dialog -----------------------------------------------------------

  let open = null // resolves with true when the page may go on

  function dialog() {
    let box = one('#signin')
    if (box) return box
    box = document.createElement('dialog')
    box.id = 'signin'
    box.className = 'over'
    box.setAttribute('aria-labelledby', 'signin-title')
    box.innerHTML = '<h2 id="signin-title"></h2><p class="hint"></p><div></div>'
    document.body.append(box)
    window.addEventListener('focus', () => { // back from the window of the provider
      if (box.open && one('a[target]', box)) form()
    })
    box.addEventListener('close', () => settle(false))
    box.addEventListener('submit', event => {
      event.preventDefault()
      send(event.target)
    })
    return box
  }

  function show(title, text, content) {
    const box = dialog()
    one('h2', box).textContent = title
    one('p', box).textContent = text
    if (typeof content === 'string') {
      one('div', box).innerHTML = content
      one('div', box).append(go(T('Back to the page'), () => settle(false)))
    } else one('div', box).replaceChildren(...content)
    if (!box.open) box.showModal()
    const place = one('div', box)
    const field = one('[autofocus]', place) ?? one('input:not([type=hidden]), button', place)
    field?.focus()
  }

  const go = (text, act, primary) => {
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = text
    if (primary) button.className = 'primary'
    button.addEventListener('click', act)
    return button
  }

  function settle(on) {
    const done = open
    open = null
    const box = one('#signin')
    if (box?.open) box.close()
    done?.(on)
  }

  async function form(trouble) {
    try {
      const response = await fetch(root + '/signin?user=' + encodeURIComponent(user), { headers: quiet, cache: 'no-store' })
      if (response.status === 204) return arrive() // somebody signed in in another window
      if (!response.ok) throw new Error()
      show(T('Sign in again'), trouble ?? T('Your session has ended. What is on this page stays, and goes on after you have signed in.'), await response.text())
    } catch {
      show(T('The server does not answer'), T('What is on this page stays. Try again in a moment.'), [go(T('Try again'), () => form(), true), go(T('Back to the page'), () => settle(false))])
    }
  }

  async function send(sent) {
    const button = one('.primary', sent)
    button.disabled = true
    try {
      const response = await fetch(sent.action, { method: 'POST', headers: quiet, body: new URLSearchParams(new FormData(sent)) })
      if (response.status === 204) return arrive()
      show(T('Sign in again'), '', await response.text())
    } catch {
      button.disabled = false
      show(T('Sign in again'), T('The server does not answer. Try again in a moment.'), [...one('div', dialog()).childNodes])
    }
  }

  // arrive looks who has signed in. Another user does not take over the page without being told.
  async function arrive() {
    let now
    try {
      now = await current()
    } catch {
      return form()
    }
    if (!now) return form()
    if (now.user === user) return accept(now)
    show(T('You are signed in as %s', now.user), T('This page was opened by %s. What is on it stays; if you go on, it is sent as %s, with the rights of %[2]s.', user, now.user), [
      go(T('Go on as %s', now.user), () => { user = now.user; one('.who span')?.replaceChildren(user); accept(now) }),
      go(T('Leave the page'), () => { settle(false); location.assign(root + '/') }),
      go(T('Not now'), () => settle(false)),
    ])
  }

  function accept(now) {
    renew(now.csrf)
    one('#ended')?.remove()
    document.dispatchEvent(new Event('penstock:signedin'))
    settle(true)
  }

  // ask opens the dialog and resolves with whether the page may go on.
  function ask(first) {
    return new Promise(resolve => {
      const before = open
      open = on => { before?.(false); resolve(on) }
      first()
    })
  }

  // ---- What is sent by a person ---------------------------------------------

  // ready resolves with whether a form may be sent now, with the token of the session.
  async function ready() {
    let now
    try {
      now = await current()
    } catch (err) {
      document.dispatchEvent(new CustomEvent('penstock:notsent', { detail: err instanceof TypeError })) // that of fetch: there was no answer
      return false
    }
    if (!now) return ask(() => form())
    if (now.user !== user) return ask(arrive)
    renew(now.csrf)
    return true
  }

  const checked = new WeakSet() // forms that are sent now
  const checking = new WeakSet()

  // Before anybody else hears of it: the form is sent again when the session is known to be good.
  window.addEventListener('submit', event => {
    const { target, submitter } = event
    if (target.method !== 'post' || target.closest('#signin') || target.matches('[data-free]') || target.matches('form[action$="/signout"]')) return
    if (checked.delete(target)) return
    event.preventDefault()
    event.stopImmediatePropagation()
    if (checking.has(target)) return // pressed twice
    checking.add(target)
    ready().then(on => {
      checking.delete(target)
      const form = target.isConnected ? target : twin(target)
      if (!on || !form) return
      checked.add(form)
      form.requestSubmit(form === target && submitter?.isConnected ? submitter : buttonLike(form, submitter))
      checked.delete(form) // it was not valid any more
    })
  }, true)

  // htmx sends the button that had the focus last, which may be another one than the form was sent with, a moment ago.
  document.addEventListener('htmx:configRequest', event => {
    const { triggeringEvent: sent, parameters } = event.detail
    if (sent?.type !== 'submit') return
    const fields = [...sent.target.elements]
    for (const { name } of fields.filter(e => e.type === 'submit')) {
      if (name && fields.every(e => e.name !== name || e.type === 'submit')) delete parameters[name]
    }
    if (sent.submitter?.name) parameters[sent.submitter.name] = sent.submitter.value
  })

  // twin returns the form that has taken the place of one in a live part; undefined: what it acts on is over.
  const twin = gone => [...document.forms].find(form => form.method === 'post' && form.getAttribute('action') === gone.getAttribute('action'))

  // buttonLike returns the button of a form that sends what another sent; null: it has none.
  const buttonLike = (form, button) => button && [...form.elements].find(e => e.type === 'submit' && e.name === button.name && e.value === button.value) || null

  // A request of a button or a part of the page.
  const byPerson = event => event && /^(click|submit|change|keydown|keyup)$/.test(event.type)
  document.addEventListener('htmx:beforeOnLoad', event => {
    const { xhr, elt, requestConfig } = event.detail
    const stale = xhr.status === 403 && xhr.getResponseHeader('Penstock-Csrf') === 'stale'
    if (xhr.status !== 401 && !stale) return
    event.preventDefault() // htmx would go to the form, away from what was typed
    if (!byPerson(requestConfig?.triggeringEvent)) return stale ? refresh() : ended()
    const again = () => {
      if (elt instanceof HTMLFormElement) elt.requestSubmit()
      else if (requestConfig.triggeringEvent.type === 'click' && !elt.matches('[data-compare]')) elt.click()
      else htmx.trigger(elt, requestConfig.triggeringEvent.type)
    }
    ready().then(on => { if (on) again() })
  })

  async function refresh() {
    try {
      const now = await current()
      if (now?.user === user) renew(now.csrf)
      else ended()
    } catch { /* the next request tells */ }
  }

  // ---- What the page does by itself -----------------------------------------

  // ended shows a bar: a dialog would take what is being typed.
  function ended() {
    if (one('#ended') || open) return
    const bar = document.createElement('div')
    bar.id = 'ended'
    bar.className = 'callout warn'
    bar.setAttribute('role', 'status')
    const text = document.createElement('span')
    text.textContent = T('Your session has ended. What is on this page stays.')
    bar.append(text, go(T('Sign in'), () => { ask(() => form()) }, true))
    one('#main')?.prepend(bar)
    one('#health [data-trouble=ended]')?.remove()
  }

  // Somebody who comes back may have signed in in another window.
  document.addEventListener('visibilitychange', async () => {
    if (document.hidden || !one('#ended') || open) return
    try {
      const now = await current()
      if (now?.user === user) accept(now)
    } catch { /* the bar stays */ }
  })

  // Others report requests of their own that were answered with 401, and streams that broke off.
  document.addEventListener('penstock:signedout', ended)
  document.addEventListener('penstock:brokenoff', async () => {
    try {
      if (!await current()) ended()
    } catch { /* the server is away, and does not say who is signed in */ }
  })
})()
