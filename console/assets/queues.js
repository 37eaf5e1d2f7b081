// Adapts asynqmon's page to the console: adds the CSRF token to its writes, adds a bar with links to the console and to the
// run of the shown task, and adds missing ARIA attributes.
(() => {
  'use strict'
  if (innerWidth < 700) { // its menu would take half of the page: closed at first
    try {
      const kept = JSON.parse(localStorage.getItem('asynqmon:state') ?? '{}')
      localStorage.setItem('asynqmon:state', JSON.stringify({ ...kept, settings: { ...kept.settings, isDrawerOpen: false } }))
    } catch { /* without localStorage the menu stays open */ }
  }
  const open = XMLHttpRequest.prototype.open
  const send = XMLHttpRequest.prototype.send
  XMLHttpRequest.prototype.open = function (method, ...rest) {
    this.writes = !/^(get|head)$/i.test(method)
    return open.call(this, method, ...rest)
  }
  XMLHttpRequest.prototype.send = function (body) {
    if (this.writes) this.setRequestHeader('X-Csrf-Token', document.querySelector('meta[name=csrf]').content)
    return send.call(this, body)
  }
  document.addEventListener('DOMContentLoaded', () => {
    const bar = document.createElement('nav')
    bar.className = 'penstock-bar'
    bar.setAttribute('aria-label', 'Penstock')
    const back = document.createElement('a')
    back.href = '/console/'
    back.textContent = '← Penstock'
    const lines = document.createElement('a')
    lines.href = '/console/lines'
    lines.textContent = 'Runs in line'
    const run = document.createElement('a')
    bar.append(back, lines, run)
    document.body.prepend(bar)
    const updateRunLink = () => { // the id of a task is the id of its run and the attempt
      const id = /\/tasks\/([0-9a-f-]{36})\.\d+$/.exec(location.pathname)
      run.hidden = !id
      if (id) {
        run.href = '/console/runs/' + id[1]
        run.textContent = 'Open the run of this task'
      }
    }
    updateRunLink()
    setInterval(updateRunLink, 300)
  })

  // asynqmon has no settings for these, so repair changes the elements rendered by React. It writes only attributes that
  // React does not set, so that React keeps them; the observer watches only added and removed elements, so that these
  // writes do not trigger it again.
  const all = selector => document.querySelectorAll(selector)
  const of = element => element.closest('tr')?.querySelector('th')?.textContent ?? ''
  const repair = () => {
    const paper = document.querySelector('.MuiDrawer-paper') // has the theme's colour; text outside of papers would be black on the dark theme
    if (paper) document.getElementById('root').style.color = getComputedStyle(paper).color
    for (const list of all('ul.MuiList-root:not([role])')) { // the menu: lists contain links, or a div with items
      if ([...list.children].every(child => child.localName === 'li')) continue
      list.setAttribute('role', 'none')
      for (const child of list.children) {
        if (child.localName !== 'a') child.setAttribute('role', child.localName === 'div' ? 'list' : 'none')
      }
    }
    for (const box of all('button input[type=checkbox]')) { // a button without a function around the checkbox
      const around = box.closest('button')
      around.setAttribute('role', 'group')
      around.ariaLabel = 'Selection'
      around.tabIndex = -1
      if (!box.ariaLabel || box.named) {
        box.named = true // named here: React may have reused it for another row
        box.ariaLabel = 'Select ' + of(box)
      }
    }
    for (const button of all('button.MuiIconButton-root:not([aria-label], [title], [role=group])')) {
      const tip = button.getAttribute('aria-describedby') // an open tooltip has removed the title
      if (tip) button.setAttribute('aria-labelledby', tip)
      else if (!button.textContent.trim()) button.ariaLabel = ('Actions ' + of(button)).trim()
    }
    for (const slider of all('[role=slider]:not([aria-label])')) slider.ariaLabel = 'Polling interval in seconds'
  }
  new MutationObserver(repair).observe(document, { childList: true, subtree: true })
})()
