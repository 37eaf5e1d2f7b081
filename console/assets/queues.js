// Makes asynqmon's page one of the console's: its writes carry our token, a bar
// leads back, and from a task to its run, and what its markup lacks for those
// who hear the page is added.
(() => {
  'use strict'
  if (innerWidth < 700) { // its menu would take half the page: closed until somebody opens it
    try {
      const kept = JSON.parse(localStorage.getItem('asynqmon:state') ?? '{}')
      localStorage.setItem('asynqmon:state', JSON.stringify({ ...kept, settings: { ...kept.settings, isDrawerOpen: false } }))
    } catch { /* without storage it stays open */ }
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
    lines.textContent = 'Who waits'
    const run = document.createElement('a')
    bar.append(back, lines, run)
    document.body.prepend(bar)
    const tell = () => { // the id of a task is that of its run, and the attempt
      const id = /\/tasks\/([0-9a-f-]{36})\.\d+$/.exec(location.pathname)
      run.hidden = !id
      if (id) {
        run.href = '/console/runs/' + id[1]
        run.textContent = 'Open the run of this task'
      }
    }
    tell()
    setInterval(tell, 300)
  })

  // asynqmon has no setting for any of this, so it is put right in what React
  // has drawn. Only attributes that React does not set are written, so it keeps
  // them, and only added and removed elements are listened to, so that writing
  // them calls for nothing again. What is not found is left as it is.
  const all = selector => document.querySelectorAll(selector)
  const of = element => element.closest('tr')?.querySelector('th')?.textContent ?? ''
  const repair = () => {
    const paper = document.querySelector('.MuiDrawer-paper') // knows the theme; what lies on no paper is black in the dark one
    if (paper) document.getElementById('root').style.color = getComputedStyle(paper).color
    for (const list of all('ul.MuiList-root:not([role])')) { // the menu: lists around links, and around a div around items
      if ([...list.children].every(child => child.localName === 'li')) continue
      list.setAttribute('role', 'none')
      for (const child of list.children) {
        if (child.localName !== 'a') child.setAttribute('role', child.localName === 'div' ? 'list' : 'none')
      }
    }
    for (const box of all('button input[type=checkbox]')) { // a button that does nothing, around one that does
      const around = box.closest('button')
      around.setAttribute('role', 'group')
      around.ariaLabel = 'Selection'
      around.tabIndex = -1
      if (!box.ariaLabel || box.named) {
        box.named = true // by us: its row may be another one by now
        box.ariaLabel = 'Select ' + of(box)
      }
    }
    for (const button of all('button.MuiIconButton-root:not([aria-label], [title], [role=group])')) {
      const tip = button.getAttribute('aria-describedby') // an open tooltip has taken the title away
      if (tip) button.setAttribute('aria-labelledby', tip)
      else if (!button.textContent.trim()) button.ariaLabel = ('Actions ' + of(button)).trim()
    }
    for (const slider of all('[role=slider]:not([aria-label])')) slider.ariaLabel = 'Polling interval in seconds'
  }
  new MutationObserver(repair).observe(document, { childList: true, subtree: true })
})()
