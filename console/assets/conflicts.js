// Lists the conflicts that a merge left in the text, each with buttons that keep one side or both.
(() => {
  'use strict'
  const list = document.querySelector('#conflicts')
  const field = document.querySelector('textarea[name=source]')
  if (!list || !field) return

  // conflicts returns the places of the markers, as indexes of lines.
  function conflicts(lines) {
    const found = []
    let at = null
    lines.forEach((line, i) => {
      if (line.startsWith('<<<<<<< ')) at = { start: i }
      else if (line === '=======' && at) at.middle = i
      else if (line.startsWith('>>>>>>> ') && at?.middle !== undefined) {
        found.push({ ...at, end: i })
        at = null
      }
    })
    return found
  }

  // keep resolves the conflict with an index. Lines may have been typed since the list was made.
  function keep(which, index) {
    document.dispatchEvent(new Event('penstock:sync'))
    const lines = field.value.split('\n')
    const c = conflicts(lines)[index]
    if (!c) return
    const mine = lines.slice(c.start + 1, c.middle), theirs = lines.slice(c.middle + 1, c.end)
    lines.splice(c.start, c.end - c.start + 1, ...{ mine, theirs, both: [...mine, ...theirs] }[which])
    field.value = lines.join('\n')
    field.dispatchEvent(new CustomEvent('filled', { detail: { line: c.start + 1 } }))
    field.dispatchEvent(new Event('input', { bubbles: true }))
  }

  let shown = ''
  function draw() {
    const found = conflicts(field.value.split('\n'))
    const places = JSON.stringify(found)
    if (places === shown) return
    shown = places
    list.replaceChildren(...found.map((c, index) => {
      const item = document.createElement('li')
      const title = document.createElement('span')
      title.textContent = T('Line %s', c.start + 1)
      item.append(title)
      for (const [which, text] of [['mine', T('Keep mine')], ['theirs', T('Keep theirs')], ['both', T('Keep both')]]) {
        const button = document.createElement('button')
        button.type = 'button'
        button.textContent = text
        button.setAttribute('aria-label', T('%s, line %s', text, c.start + 1))
        button.addEventListener('click', () => keep(which, index))
        item.append(button)
      }
      return item
    }))
    if (!found.length) list.textContent = T('No conflict is left.')
  }
  field.addEventListener('input', draw)
  draw()
})()
