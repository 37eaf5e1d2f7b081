// The picture of a flow: fit, zoom, pan, folding, a small map of a large one, a tree for the keyboard and for screen readers, and
// the figures of the table below it in its boxes. Without it the picture is there, and its frame scrolls.
(() => {
  'use strict'
  const frame = document.getElementById('picture')
  const map = document.querySelector('.fp-map')
  if (!frame || !map) return
  const tools = document.querySelector('.fp-tools')
  const percent = tools.querySelector('.fp-percent')
  const least = 0.04, most = 3
  const folded = new Set() // keys of what is folded, also after the picture was drawn anew
  let zoom = 1
  let at = '' // key of the step that has the focus, or had it last
  const picture = () => frame.querySelector('.fp')
  const all = (selector, root = frame) => [...root.querySelectorAll(selector)]

  // ---- Size and place -------------------------------------------------------

  // natural is the size of the picture at 100 %.
  const natural = () => ({ width: picture().offsetWidth, height: picture().offsetHeight })

  // resize shows the picture at its size. The margins are what is scrolled: nothing of the picture is laid out anew.
  function resize() {
    const p = picture(), size = natural()
    p.style.transform = zoom === 1 ? '' : `scale(${zoom})`
    p.style.marginRight = size.width * (zoom - 1) + 'px'
    p.style.marginBottom = size.height * (zoom - 1) + 'px'
  }

  const inner = () => {
    const style = getComputedStyle(frame)
    return { width: frame.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight), height: frame.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom) }
  }

  // zoomTo changes the size, and keeps what is at a point of the frame (its middle, if none is given) where it is.
  function zoomTo(to, x = frame.clientWidth / 2, y = frame.clientHeight / 2) {
    const p = picture()
    if (!p) return
    const box = frame.getBoundingClientRect(), before = p.getBoundingClientRect()
    const part = { x: (box.left + x - before.left) / before.width, y: (box.top + y - before.top) / before.height }
    zoom = Math.min(most, Math.max(least, to))
    resize()
    const after = p.getBoundingClientRect()
    frame.scrollLeft += after.left + part.x * after.width - box.left - x
    frame.scrollTop += after.top + part.y * after.height - box.top - y
    percent.textContent = Math.round(zoom * 100) + ' %'
    drawMap()
  }

  function fit() {
    if (!picture()) return
    const size = natural(), room = inner()
    zoomTo(Math.min(1, room.width / size.width, room.height / size.height))
    frame.scrollTop = 0
    frame.scrollLeft = (frame.scrollWidth - frame.clientWidth) / 2
  }

  // begin shows the top of the picture as large as its width permits, but so that it can be read.
  function begin() {
    zoomTo(1)
    const steps = frame.querySelector('.fp-line'), width = natural().width > inner().width ? steps.offsetWidth : 0 // without on_failure
    zoomTo(Math.min(1, Math.max(0.85, inner().width / width)))
    frame.scrollTop = 0
    const own = steps.getBoundingClientRect(), box = frame.getBoundingClientRect()
    frame.scrollLeft += own.left + own.width / 2 - box.left - box.width / 2
  }

  // ---- Mouse and fingers ----------------------------------------------------

  frame.addEventListener('wheel', event => {
    if (!event.ctrlKey && !event.metaKey) return
    event.preventDefault()
    const box = frame.getBoundingClientRect()
    const lines = event.deltaMode === 1 ? 16 : 1
    zoomTo(zoom * Math.exp(-Math.max(-100, Math.min(100, event.deltaY * lines)) * 0.005), event.clientX - box.left, event.clientY - box.top)
  }, { passive: false })

  let pinch = null // distance of two fingers, and the zoom, when they came down
  const apart = touches => Math.hypot(touches[0].clientX - touches[1].clientX, touches[0].clientY - touches[1].clientY)
  frame.addEventListener('touchstart', event => {
    pinch = event.touches.length === 2 ? { apart: apart(event.touches), zoom } : null
  }, { passive: true })
  frame.addEventListener('touchmove', event => {
    if (!pinch || event.touches.length !== 2) return
    event.preventDefault()
    const box = frame.getBoundingClientRect(), [a, b] = event.touches
    zoomTo(pinch.zoom * apart(event.touches) / pinch.apart, (a.clientX + b.clientX) / 2 - box.left, (a.clientY + b.clientY) / 2 - box.top)
  }, { passive: false })

  let drag = null // where the mouse came down
  let dragged = false
  frame.addEventListener('pointerdown', event => {
    dragged = false
    if (event.pointerType !== 'mouse' || event.button !== 0 || event.target === frame && event.offsetX > frame.clientWidth) return
    drag = { x: event.clientX, y: event.clientY, left: frame.scrollLeft, top: frame.scrollTop }
  })
  addEventListener('pointermove', event => {
    if (!drag) return
    const x = event.clientX - drag.x, y = event.clientY - drag.y
    if (!dragged && Math.hypot(x, y) < 5) return
    dragged = true
    frame.classList.add('drags')
    frame.scrollLeft = drag.left - x
    frame.scrollTop = drag.top - y
  })
  for (const end of ['pointerup', 'pointercancel']) addEventListener(end, () => {
    drag = null
    frame.classList.remove('drags')
  })
  frame.addEventListener('dragstart', event => event.preventDefault())
  frame.addEventListener('click', event => { // the end of dragging opens nothing
    if (!dragged) return
    dragged = false
    event.preventDefault()
    event.stopPropagation()
  }, true)

  // ---- Folding --------------------------------------------------------------

  // What can have the focus: boxes of steps, and the names of branches. Each stands in an element that may be folded.
  const holder = item => item.parentElement
  const isBranch = item => item.classList.contains('fp-name')
  const foldable = item => isBranch(item) || Boolean(holder(item).querySelector(':scope > .fp-branches'))
  const items = () => all('.box, .fp-branch > .fp-name')
  const shown = item => item.getClientRects().length > 0

  function key(item) {
    if (!isBranch(item)) return holder(item).dataset.path ?? 'trigger'
    const branch = holder(item)
    return branch.closest('.fp-step').dataset.path + '#' + [...branch.parentElement.children].indexOf(branch)
  }

  function fold(item, to) {
    holder(item).classList.toggle('folded', to)
    item.setAttribute('aria-expanded', String(!to))
    folded[to ? 'add' : 'delete'](key(item))
  }

  // refit goes on after something was folded or painted, which changes the size.
  function refit() {
    resize()
    drawMap()
  }

  function foldAll(to) {
    for (const item of items()) if (!isBranch(item) && foldable(item)) fold(item, to)
    if (!to) for (const item of items()) if (isBranch(item)) fold(item, false)
    focusable(items().find(item => key(item) === at && shown(item)) ?? items()[0])
    refit()
  }

  frame.addEventListener('click', event => {
    const button = event.target.closest('.fp-fold')
    const item = button ? button.previousElementSibling : event.target.closest('.fp-branch > .fp-name')
    if (!item) return
    fold(item, !holder(item).classList.contains('folded'))
    focusable(item)
    refit()
  })

  // ---- Keyboard and screen readers ------------------------------------------

  // describe says what the text of an item does not: that it is a branch, and how many steps are in it.
  function describe(item) {
    const inside = item.nextElementSibling?.matches('.fp-fold') ? item.nextElementSibling.textContent + ' in it' : ''
    const said = isBranch(item) ? 'branch' : inside
    if (said) item.setAttribute('aria-description', said)
  }

  // structure gives the lists the roles of a tree. An item stands beside its group, and owns it.
  function structure() {
    let number = 0
    for (const tree of all('.fp > .fp-line')) {
      tree.setAttribute('role', 'tree')
      for (const list of all('ul', tree)) list.setAttribute('role', 'group')
      for (const item of all('li', tree)) item.setAttribute('role', 'none')
    }
    for (const item of items()) {
      item.setAttribute('role', 'treeitem')
      describe(item)
      const group = isBranch(item) ? item.nextElementSibling : holder(item).querySelector(':scope > .fp-branches')
      if (!group) continue
      group.id ||= 'fp-group-' + number++
      item.setAttribute('aria-owns', group.id)
      fold(item, folded.has(key(item)))
      const button = holder(item).querySelector(':scope > .fp-fold')
      if (button) button.hidden = false
    }
  }

  // focusable makes an item the one that Tab reaches.
  function focusable(item) {
    for (const other of items()) other.tabIndex = other === item ? 0 : -1
    if (item) at = key(item)
  }

  function focus(item) {
    if (!item) return
    focusable(item)
    item.focus({ preventScroll: true })
    const box = frame.getBoundingClientRect(), own = item.getBoundingClientRect(), room = 28
    frame.scrollLeft += Math.min(0, own.left - box.left - room) || Math.max(0, own.right - box.right + room)
    frame.scrollTop += Math.min(0, own.top - box.top - room) || Math.max(0, own.bottom - box.bottom + room)
  }

  const group = item => item.closest('.fp-step, .fp-branch').parentElement
  const parent = item => {
    const list = group(item)
    if (list.matches('.fp-branches')) return list.parentElement.querySelector(':scope > .box')
    return list.parentElement.querySelector(':scope > .fp-name')
  }

  const move = {
    ArrowDown: (item, list) => focus(list[list.indexOf(item) + 1]),
    ArrowUp: (item, list) => focus(list[list.indexOf(item) - 1]),
    Home: (_, list) => focus(list[0]),
    End: (_, list) => focus(list.at(-1)),
    ArrowRight: (item, list) => {
      if (!foldable(item)) return
      if (holder(item).classList.contains('folded')) {
        fold(item, false)
        refit()
      } else focus(list[list.indexOf(item) + 1])
    },
    ArrowLeft: item => {
      if (foldable(item) && !holder(item).classList.contains('folded')) {
        fold(item, true)
        refit()
      } else focus(parent(item))
    },
    Enter: item => isBranch(item) ? fold(item, !holder(item).classList.contains('folded')) : item.click(),
  }

  const act = { '+': () => zoomTo(zoom * 1.25), '=': () => zoomTo(zoom * 1.25), '-': () => zoomTo(zoom / 1.25), 0: fit, 1: () => zoomTo(1) }

  frame.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const item = event.target.closest('[role=treeitem]')
    if (item && move[event.key]) {
      event.preventDefault()
      move[event.key](item, items().filter(shown))
    } else if (act[event.key]) {
      event.preventDefault()
      act[event.key]()
    }
  })
  frame.addEventListener('focusin', event => {
    const item = event.target.closest('[role=treeitem]')
    if (item) focusable(item)
  })

  tools.addEventListener('click', event => {
    const button = event.target.closest('[data-zoom]')
    if (!button) return
    if (button.dataset.zoom === 'fold') {
      const to = button.textContent === T('Fold')
      button.textContent = to ? T('Unfold') : T('Fold')
      foldAll(to)
    } else ({ in: act['+'], out: act['-'], fit, one: act[1] })[button.dataset.zoom]()
  })

  // ---- The small map --------------------------------------------------------

  const canvas = map.querySelector('canvas'), lens = map.querySelector('i')
  let scale = { x: 1, y: 1 } // of the map, to what is scrolled: a tall picture is not as narrow on it
  let waiting = 0

  function drawMap() {
    cancelAnimationFrame(waiting)
    waiting = requestAnimationFrame(() => {
      const width = frame.scrollWidth, height = frame.scrollHeight
      map.hidden = !picture() || width * height < (frame.clientWidth < 480 ? 5 : 2.2) * frame.clientWidth * frame.clientHeight
      if (map.hidden) return
      const tall = Math.min(frame.clientHeight * 0.6, 260, height * 0.15)
      const wide = Math.min(150, frame.clientWidth * 0.24)
      scale = { x: Math.max(wide / 2, Math.min(wide, width * tall / height)) / width, y: tall / height }
      const dense = devicePixelRatio || 1
      canvas.width = Math.max(1, width * scale.x * dense)
      canvas.height = Math.max(1, height * scale.y * dense)
      canvas.style.width = width * scale.x + 'px'
      canvas.style.height = height * scale.y + 'px'
      const pen = canvas.getContext('2d'), outer = frame.getBoundingClientRect()
      const probe = color => { // a colour of the theme, as the canvas takes it
        map.style.color = `var(${color})`
        return getComputedStyle(map).color
      }
      const colors = { bad: probe('--bad'), good: probe('--good'), other: probe('--faint') }
      map.style.color = ''
      pen.scale(scale.x * dense, scale.y * dense)
      for (const box of all('.box')) {
        const own = box.getBoundingClientRect()
        if (!own.width) continue
        pen.fillStyle = box.classList.contains('is-failed') ? colors.bad : box.classList.contains('is-succeeded') ? colors.good : colors.other
        pen.fillRect(own.left - outer.left + frame.scrollLeft, own.top - outer.top + frame.scrollTop, own.width, Math.max(own.height, 1.6 / scale.y))
      }
      look()
    })
  }

  // look shows which part of the picture the frame shows.
  function look() {
    if (map.hidden) return
    lens.style.transform = `translate(${frame.scrollLeft * scale.x}px, ${frame.scrollTop * scale.y}px)`
    lens.style.width = Math.min(frame.clientWidth, frame.scrollWidth) * scale.x + 'px'
    lens.style.height = Math.min(frame.clientHeight, frame.scrollHeight) * scale.y + 'px'
  }

  function go(event) {
    const own = map.getBoundingClientRect()
    frame.scrollLeft = (event.clientX - own.left) / scale.x - frame.clientWidth / 2
    frame.scrollTop = (event.clientY - own.top) / scale.y - frame.clientHeight / 2
  }
  map.addEventListener('pointerdown', event => {
    event.preventDefault()
    map.setPointerCapture(event.pointerId)
    go(event)
  })
  map.addEventListener('pointermove', event => { if (map.hasPointerCapture(event.pointerId)) go(event) })
  frame.addEventListener('scroll', look, { passive: true })
  new ResizeObserver(drawMap).observe(frame)
  new MutationObserver(drawMap).observe(document.documentElement, { attributeFilter: ['data-theme'] })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawMap)

  // ---- What is laid over ----------------------------------------------------

  // paint writes the figures of the table into the boxes.
  function paint() {
    for (const box of all('.box')) {
      box.className = box.className.replace(/ (over|is-\w+)/g, '')
      box.querySelector('.fp-result')?.remove()
    }
    for (const row of document.querySelectorAll('#figures [data-step]')) {
      const box = frame.querySelector(`.fp-step[data-path="${CSS.escape(row.dataset.step)}"] > .box`)
      const result = row.querySelector('.fp-result')
      if (!box || !result) continue
      box.classList.add('over', 'is-' + result.dataset.state)
      box.append(result.cloneNode(true))
    }
    refit()
  }

  // ---- Beginning, and again when the editor has drawn -----------------------

  let first = true
  function drawn() {
    if (!picture()) return
    const had = frame.contains(document.activeElement) || document.activeElement === document.body && frame.dataset.had
    tools.hidden = false
    structure()
    paint()
    focusable(items().find(item => key(item) === at && shown(item)) ?? items()[0])
    if (first) begin()
    else resize()
    first = false
    if (had) focus(items().find(item => item.tabIndex === 0))
    drawMap()
  }
  frame.addEventListener('focusin', event => { if (event.target !== frame) frame.dataset.had = 'yes' })
  frame.addEventListener('focusout', event => { if (event.relatedTarget) delete frame.dataset.had })
  new MutationObserver(changes => { if (changes.some(change => change.target === frame)) drawn() }).observe(frame, { childList: true })
  document.addEventListener('htmx:afterSwap', event => {
    if (event.detail.target?.id === 'figures' || event.detail.elt?.id === 'figures') paint()
  })
  drawn()
})()
