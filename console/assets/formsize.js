// Keeps a form that is larger than the server takes from being sent, so that what was typed stays on the page.
(() => {
  'use strict'
  const limit = Number(document.querySelector('meta[name=form-limit]')?.content)
  const roomy = 64 * 1024 // characters that are far from the limit in any encoding

  // sizeOf returns the bytes that a form takes when it is sent.
  function sizeOf(form, button) {
    const data = new FormData(form, button?.form === form ? button : null)
    let characters = 0, files = 0
    for (const [, value] of data) {
      if (typeof value === 'string') characters += value.length
      else files += value.size
    }
    if (form.enctype === 'multipart/form-data') return characters + files
    return characters < roomy ? characters : new TextEncoder().encode(new URLSearchParams(data).toString().replaceAll(/(?<!%0D)%0A/g, '%0D%0A')).length
  }

  // Before anybody else hears of it.
  window.addEventListener('submit', event => {
    if (!limit || event.target.method !== 'post') return
    document.dispatchEvent(new Event('penstock:sync'))
    const size = sizeOf(event.target, event.submitter)
    if (size <= limit) return
    event.preventDefault()
    event.stopImmediatePropagation()
    const said = document.createElement('p')
    said.className = 'callout bad'
    said.textContent = T('This is too large to be sent: it has %d bytes, and the server takes %d. Nothing was sent, and all that you typed is still here.', size, limit)
    const place = document.querySelector('#trouble')
    place.replaceChildren(said)
    place.scrollIntoView({ block: 'nearest' })
  }, true)
})()
