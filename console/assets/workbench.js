// Script of the page Call it: the languages of a request are tabs. Without it all are shown, one below the other.
(() => {
  'use strict'
  const chosen = 'penstock.language' // the language that was chosen last, for this tab of the browser

  // choose shows the request in one language. Only its tab is reached with Tab; the arrow keys go to the others.
  function choose(box, tab, focus) {
    for (const other of box.querySelectorAll('[role=tab]')) {
      const on = other === tab
      other.setAttribute('aria-selected', String(on))
      other.tabIndex = on ? 0 : -1
      document.getElementById(other.getAttribute('aria-controls')).hidden = !on
    }
    if (focus) tab.focus()
  }

  function keyed(event) {
    const tabs = [...event.currentTarget.querySelectorAll('[role=tab]')]
    const at = tabs.indexOf(event.target)
    const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 }[event.key]
    if (at < 0 || next === undefined) return
    event.preventDefault()
    pick(event.currentTarget.parentElement, tabs[(next + tabs.length) % tabs.length], true)
  }

  function pick(box, tab, focus) {
    sessionStorage.setItem(chosen, tab.textContent)
    choose(box, tab, focus)
  }

  let made = 0
  function prepare(root) {
    for (const box of root.querySelectorAll('.languages')) {
      const parts = [...box.querySelectorAll('[data-language]')]
      if (parts.length < 2 || box.querySelector('[role=tablist]')) continue
      const list = document.createElement('div')
      list.setAttribute('role', 'tablist')
      list.setAttribute('aria-label', T('Language'))
      for (const part of parts) {
        if (document.getElementById(part.id) !== part) part.id += '-' + ++made // of several operations
        const tab = document.createElement('button')
        Object.assign(tab, { type: 'button', className: 'chip', textContent: part.dataset.language, id: 'tab-' + part.id })
        tab.setAttribute('role', 'tab')
        tab.setAttribute('aria-controls', part.id)
        tab.addEventListener('click', () => pick(box, tab))
        part.setAttribute('role', 'tabpanel')
        part.setAttribute('aria-labelledby', tab.id)
        list.append(tab)
      }
      list.addEventListener('keydown', keyed)
      box.prepend(list)
      const tabs = [...list.children]
      choose(box, tabs.find(tab => tab.textContent === sessionStorage.getItem(chosen)) ?? tabs[0])
    }
  }

  document.addEventListener('htmx:load', event => prepare(event.detail.elt.parentElement ?? document))
  prepare(document)
})()
