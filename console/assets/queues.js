// Fits asynqmon's page into the console: its settings, the theme, the CSRF token of its writes, links from tasks to their runs, and
// missing ARIA attributes. It runs before asynqmon's scripts.
(() => {
  'use strict'
  const { root, readOnly } = document.currentScript.dataset
  window.FLAG_ROOT_PATH = root
  window.FLAG_READ_ONLY = readOnly
  window.FLAG_PROMETHEUS_SERVER_ADDRESS = ''

// ---- Theme ----------------------------------------------------------------

  // asynqmon follows the system. What it asks for that is answered with the theme of the console, which may be switched at any time.
  try {
    const kept = JSON.parse(localStorage.getItem('asynqmon:state') ?? '{}')
    localStorage.setItem('asynqmon:state', JSON.stringify({ ...kept, settings: { ...kept.settings, isDrawerOpen: true, themePreference: 0 } }))
  } catch { /* without localStorage it has its defaults, which are the same */ }
  const ask = window.matchMedia.bind(window)
  const system = ask('(prefers-color-scheme: dark)')
  const dark = () => (document.documentElement.dataset.theme || (system.matches ? 'dark' : 'light')) === 'dark'
  window.matchMedia = query => {
    if (!query.includes('prefers-color-scheme: dark')) return ask(query)
    const listeners = new Set()
    const tell = () => listeners.forEach(listener => listener({ matches: dark(), media: query }))
    system.addEventListener('change', tell)
    new MutationObserver(tell).observe(document.documentElement, { attributeFilter: ['data-theme'] })
    return {
      get matches() { return dark() },
      media: query,
      addListener: listener => listeners.add(listener),
      removeListener: listener => listeners.delete(listener),
      addEventListener: (_, listener) => listeners.add(listener),
      removeEventListener: (_, listener) => listeners.delete(listener),
    }
  }

// ---- Requests -------------------------------------------------------------

  const open = XMLHttpRequest.prototype.open
  const send = XMLHttpRequest.prototype.send
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    this.writes = !/^(get|head)$/i.test(method) && String(url).includes(root + '/api/')
    return open.call(this, method, url, ...rest)
  }
  XMLHttpRequest.prototype.send = function (body) {
    if (this.writes) this.setRequestHeader('X-Csrf-Token', document.querySelector('meta[name=csrf]').content)
    this.addEventListener('load', () => note(this))
    return send.call(this, body)
  }

// ---- Tasks and what they are for --------------------------------------------

  // subject returns what a task is for, by its id: the id of a run and the number of the attempt, or flow, webhook and round.
  function subject(task) {
    const run = /^([0-9a-f-]{36})\.(\d+)$/.exec(task)
    if (run) return { run: true, text: T('Open the run of this task'), short: T('run'), href: '/console/runs/' + run[1], about: T('Attempt %s of run %s. The id of a task is the id of its run, a point and the number of the attempt.', run[2], run[1]) }
    const sent = /^(\d+)\/([^/]+)\/(\d+)$/.exec(task)
    if (sent) return { text: T('Open the webhook of this task'), short: T('webhook'), href: `/console/flows/${sent[1]}/webhooks/${sent[2]}`, about: T('Webhook %s of flow %s, round %s.', sent[2], sent[1], sent[3]) }
  }

  let shown // path of the task that #task-of is about
  function showSubject() {
    if (shown === location.pathname) return
    shown = location.pathname
    const place = document.getElementById('task-of')
    const id = /\/queues\/[^/]+\/tasks\/(.+)$/.exec(shown)
    const about = id && subject(decodeURIComponent(id[1]))
    place.hidden = !about
    if (!about) return place.replaceChildren()
    place.replaceChildren(about.about + ' ', Object.assign(document.createElement('a'), { href: about.href, textContent: about.text }))
  }

  const known = new Map() // ids of the tasks that were listed, by what asynqmon shows of their payload

  // note keeps the ids of listed tasks: the list itself shows only their first eight characters, which those of one minute share.
  function note(request) {
    if (!/_tasks(\?|$)/.test(request.responseURL)) return
    try {
      const { tasks } = JSON.parse(request.responseText)
      if (known.size > 5000) known.clear()
      for (const task of tasks ?? []) known.set(task.payload, task)
    } catch { /* not a list */ }
  }

  // addLinks adds to each task of a list its id as the console prints it, and the link to what it is for. React does not know of them,
  // and leaves them at their place: they are the last elements of their cell.
  function addLinks() {
    for (const cell of document.querySelectorAll('#root tbody th')) {
      const task = known.get(cell.closest('tr').querySelector('pre')?.textContent)
      const about = task && subject(task.id)
      if (cell.dataset.task === (about ? task.id : undefined)) continue
      cell.querySelector('.of')?.remove()
      if (!about) { delete cell.dataset.task; continue }
      cell.dataset.task = task.id
      const element = (name, properties, ...children) => {
        const made = Object.assign(document.createElement(name), properties)
        made.append(...children)
        return made
      }
      const text = '…' + task.id.slice(task.id.indexOf('.') < 0 ? -14 : task.id.indexOf('.') - 12)
      const open = element('a', { href: `${root}/queues/${task.queue}/tasks/${encodeURIComponent(task.id)}`, title: T('Task %s', task.id) }, text)
      const links = element('span', { className: 'of', lang: document.documentElement.lang }, open, ' ', element('a', { href: about.href, title: about.about, ariaLabel: about.run ? T('run of task %s', text) : T('webhook of task %s', text) }, about.short))
      links.addEventListener('click', event => event.stopPropagation()) // the row itself opens the task
      cell.append(links)
    }
  }

  // asynqmon has no settings for these, so repair changes the elements rendered by React. It writes only attributes that
  // React does not set, so that React keeps them; the observer watches only added and removed elements, so that these
  // writes do not trigger it again.
  const all = selector => document.querySelectorAll(selector)
  const of = element => element.closest('tr')?.querySelector('th')?.textContent ?? ''
  const repair = () => {
    if (!window.T) return // the texts are loaded after the page, and before asynqmon
    document.querySelector('#root main')?.setAttribute('role', 'none') // the page has one
    showSubject()
    addLinks()
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
