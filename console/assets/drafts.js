// Keeps what is typed in the editor of a flow in this browser, and offers it when the page is opened again. A draft is of one user
// and one flow. It is removed when the flow has its text, when it is discarded, at sign-out, and after a week.
(() => {
  'use strict'
  const maxText = 512 * 1024 // characters of one draft
  const maxAge = 7 * 86400_000 // ms
  const maxDrafts = 20
  const root = 'penstock.draft:'
  const user = document.currentScript.dataset.user
  const mine = root + encodeURIComponent(user) + ':'
  const page = Math.random().toString(36).slice(2) // two pages of one flow do not write over each other's draft
  const one = (selector, from = document) => from.querySelector(selector)

  // read returns the draft of a key; null: there is none, or it is too old.
  function read(key) {
    try {
      const draft = JSON.parse(localStorage.getItem(key))
      return draft && typeof draft.text === 'string' && Date.now() - draft.at < maxAge ? { key, ...draft } : null
    } catch {
      return null
    }
  }

  const keys = prefix => {
    try {
      return Object.keys(localStorage).filter(key => key.startsWith(prefix))
    } catch { // localStorage is forbidden
      return []
    }
  }

  // drafts returns the drafts of a prefix, the newest first, and removes what is too old.
  function drafts(prefix) {
    const found = []
    for (const key of keys(prefix)) {
      const draft = read(key)
      if (draft) found.push(draft)
      else localStorage.removeItem(key)
    }
    return found.sort((a, b) => b.at - a.at)
  }

  // keep stores a draft, and reports whether it could. The oldest ones give way.
  function keep(key, draft) {
    if (draft.text.length > maxText) return false
    const text = JSON.stringify(draft)
    for (const old of drafts(root).filter(d => d.key !== key).slice(maxDrafts - 1)) localStorage.removeItem(old.key)
    for (;;) {
      try {
        localStorage.setItem(key, text)
        return true
      } catch {
        const oldest = drafts(root).filter(d => d.key !== key).pop()
        if (!oldest) return false
        localStorage.removeItem(oldest.key)
      }
    }
  }

  const clock = at => {
    const time = new Date(at)
    const today = time.toDateString() === new Date().toDateString()
    return penstockTime(time, today ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' })
  }
  const short = version => version && version !== 'none' ? version.slice(0, 8) : ''

  function follow(form) {
    const field = one('textarea[name=source]', form)
    const base = one('input[name=base]', form)
    const flow = mine + form.dataset.draft + ':'
    const key = flow + page
    const original = field.defaultValue.replaceAll('\r\n', '\n')
    const status = one('#kept')
    let timer = 0, ended = false

    function write() {
      clearTimeout(timer)
      timer = 0
      if (ended) return
      if (field.value === original && !form.matches('[data-unsaved]')) {
        localStorage.removeItem(key)
        status.textContent = ''
        return
      }
      const at = Date.now()
      const kept = keep(key, { text: field.value, base: base.value, at })
      status.textContent = kept ? T('draft kept %s', clock(at)) : T('no draft is kept: there is no room in this browser')
    }
    field.addEventListener('input', () => {
      ended = false
      clearTimeout(timer)
      timer = setTimeout(write, 400)
    })
    const flush = () => {
      document.dispatchEvent(new Event('penstock:sync'))
      if (timer) write()
    }
    document.addEventListener('visibilitychange', () => { if (document.hidden) flush() })
    window.addEventListener('pagehide', flush)
    form.addEventListener('submit', () => {
      flush()
      try { sessionStorage.setItem('penstock.sent', key) } catch { /* then the draft is offered once more */ }
    })
    document.addEventListener('penstock:signout', () => { ended = true })

    // What is here is no draft any more: saved, or on this page as it was sent.
    let sent = null
    try {
      sent = sessionStorage.getItem('penstock.sent')
      sessionStorage.removeItem('penstock.sent')
    } catch { /* see above */ }
    for (const draft of [...drafts(flow), ...drafts(mine + 'new:')]) {
      if (draft.text === original || form.matches('[data-unsaved]') && draft.key === sent) localStorage.removeItem(draft.key)
    }
    if (form.matches('[data-unsaved]')) write()
    // Also on a page with a text that was sent: a reload of it sends that text again, without what was typed after it.
    offer(form, field, base, () => drafts(flow).filter(draft => draft.key !== key))
  }

  // offer shows the drafts that are left, the newest first, each with what can be done with it.
  function offer(form, field, base, left) {
    const box = one('#draft')
    const blank = box.firstElementChild
    const current = base.value
    const show = () => {
      const drafts = left()
      box.hidden = !drafts.length
      box.replaceChildren(...drafts.map(entry))
    }
    function entry(draft, number) {
      const from = short(draft.base)
      const row = blank.cloneNode(true)
      one('strong', row).textContent = from ? T('A draft of %s, based on version %s', clock(draft.at), from) : T('A draft of %s', clock(draft.at))
      one('p', row).textContent = draft.base === current ? T('It was not saved. It is kept in this browser only.')
        : T('It was not saved, and another version has been deployed since. When you save it, both are merged.')
      const changes = one('#draft-changes', row)
      changes.id += number || ''
      row.addEventListener('click', event => act(event.target.closest('button')?.dataset.draftAct, draft, changes))
      return row
    }
    function act(what, draft, changes) {
      if (what === 'compare') {
        htmx.ajax('POST', box.dataset.compare, { source: box, target: changes, swap: 'innerHTML', values: { flow: form.dataset.draft, source: draft.text } })
        return
      }
      if (!what) return
      localStorage.removeItem(draft.key)
      show()
      if (what !== 'restore') return
      base.value = draft.base
      field.value = draft.text
      field.dispatchEvent(new Event('filled'))
      field.dispatchEvent(new Event('input', { bubbles: true }))
      if (!field.hidden) field.focus()
    }
    show()
  }

  // Signing out removes the drafts of the user.
  document.addEventListener('submit', event => {
    if (!event.target.matches('form[action$="/signout"]')) return
    document.dispatchEvent(new Event('penstock:signout'))
    keys(mine).forEach(key => localStorage.removeItem(key))
  })

  document.addEventListener('DOMContentLoaded', () => {
    drafts(root)
    const form = one('form[data-draft]')
    if (form && user) follow(form)
  })
})()
