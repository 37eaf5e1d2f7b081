// Asks before a page with unsaved changes is left. A form counts that sends more than a word: one with a textarea, or with two
// fields of text. Sending it does not ask; neither does a form with data-free.
(() => {
  'use strict'
  const texts = 'textarea:not([readonly]), input:not([type]), input[type=text], input[type=url], input[type=email], input[type=search], input[type=password], input[type=number], input[type=date]'
  const sent = new WeakMap() // form -> what it had when the server took it, for forms that stay on the page
  const touched = new WeakSet() // forms that somebody has typed in: browsers fill in passwords themselves
  let leaving = null // the form that is being sent

  const counts = form => form.method === 'post' && !form.matches('[data-free]') && (form.querySelector('textarea:not([readonly])') || form.querySelectorAll(texts).length > 1)

  // What a form has, and what it had when the page came. The editor keeps its text in a hidden textarea.
  const fields = form => [...form.elements].filter(e => e.name && e.type !== 'hidden' && e.type !== 'file' && e.tagName !== 'BUTTON')
  const now = form => JSON.stringify(fields(form).map(e => /^(checkbox|radio)$/.test(e.type) ? e.checked : e.value))
  const before = form => JSON.stringify(fields(form).map(e => {
    if (/^(checkbox|radio)$/.test(e.type)) return e.defaultChecked
    if (e.tagName !== 'SELECT') return e.defaultValue.replaceAll('\r\n', '\n')
    return ([...e.options].find(o => o.defaultSelected) ?? e.options[0])?.value ?? ''
  }))

  function unsaved(form) {
    if (!form.isConnected || !counts(form)) return false
    if (sent.has(form)) return now(form) !== sent.get(form)
    return form.matches('[data-unsaved]') || touched.has(form) && now(form) !== before(form)
  }

  document.addEventListener('input', event => { if (event.target.form) touched.add(event.target.form) })

  // The last to hear of it: others may keep the form from being sent.
  window.addEventListener('submit', event => {
    if (!event.defaultPrevented && event.target.method === 'post') leaving = event.target
  })
  window.addEventListener('pageshow', () => { leaving = null })
  document.addEventListener('htmx:beforeOnLoad', event => {
    const { elt, xhr } = event.detail
    if (elt instanceof HTMLFormElement && xhr.status < 300) sent.set(elt, now(elt))
  })

  window.addEventListener('beforeunload', event => {
    document.dispatchEvent(new Event('penstock:sync'))
    const from = leaving
    leaving = null // if somebody stays, the next attempt to leave asks
    if ([...document.forms].some(form => form !== from && unsaved(form))) event.preventDefault()
  })
})()
