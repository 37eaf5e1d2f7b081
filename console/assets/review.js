// The review before a flow is deployed: a dialog over the editor. Ctrl-S opens it, and once more deploys; also when it comes
// before the review is there, unless that finds something.
(() => {
  'use strict'
  const one = (selector, root = document) => root.querySelector(selector)
  const box = one('#review')
  const save = one('[data-save]')
  if (!box || !save) return
  let loading = false
  let sure = false // asked for twice

  const confirm = () => {
    const button = one('[data-confirm]', box)
    if (button) button.click()
  }

  save.addEventListener('htmx:beforeRequest', () => { loading = true })
  save.addEventListener('htmx:afterRequest', () => { loading = false })
  box.addEventListener('htmx:afterSwap', event => {
    if (event.detail.target !== box) return
    if (sure && one('[data-clear]', box)) return confirm()
    sure = false
    if (!box.open) box.showModal()
    one('[name=message], button', box)?.focus()
  })
  // What fails within the review is said there: the page is behind it.
  document.addEventListener('htmx:beforeSwap', event => {
    const { elt, xhr } = event.detail
    if (xhr.status >= 400 && box.contains(elt)) Object.assign(event.detail, { target: elt, shouldSwap: true })
  })
  box.addEventListener('htmx:sendError', event => { event.detail.elt.textContent = T('The server does not answer.') })
  box.addEventListener('close', () => {
    const message = one('[name=message]', box) // is there again in the next review
    if (message) save.form.elements.said.value = message.value
    box.replaceChildren()
    one('.cm-content')?.focus()
  })
  box.addEventListener('click', event => { if (event.target.closest('[data-close]')) box.close() })
  box.addEventListener('keydown', event => {
    if (event.key === 'Enter' && event.target.matches('[name=message]')) {
      event.preventDefault()
      confirm()
    }
  })
  // Ctrl-Enter opens Try it, which runs the deployed version: not that of a text that is not saved.
  document.addEventListener('keydown', event => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || box.open) return
    document.dispatchEvent(new Event('penstock:sync'))
    const field = save.form.elements.source
    if (field.value === field.defaultValue && !save.form.matches('[data-unsaved]')) return
    event.preventDefault()
    event.stopPropagation()
    const said = document.createElement('p')
    said.className = 'callout warn'
    said.textContent = T('Try it runs the deployed version, and this text is not saved: save it first (Ctrl S).')
    one('#trouble').replaceChildren(said)
  }, true)

  document.addEventListener('keydown', event => {
    if (event.key !== 's' || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.repeat) return
    if (box.open) {
      event.preventDefault()
      confirm()
    } else if (loading) {
      event.preventDefault()
      sure = true
    } else {
      sure = false
    }
  }, true) // before the shortcut of the page begins the review
})()
