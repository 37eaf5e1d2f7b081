// Makes asynqmon's page one of the console's: its writes carry our token, and
// a bar leads back, and from a task to its run.
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
    const run = document.createElement('a')
    bar.append(back, run)
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
})()
