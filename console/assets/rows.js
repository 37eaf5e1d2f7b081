// Shows the current entry of a row that scrolls: of tabs, and of the states of runs.
(() => {
  'use strict'
  const show = () => {
    for (const current of document.querySelectorAll('.tabs [aria-current], .states [aria-current=true]')) {
      const limit = current.closest('.tabs, .states').parentElement
      let row = current.parentElement
      while (row !== limit && row.scrollWidth <= row.clientWidth) row = row.parentElement
      if (row === limit) continue
      const entry = current.getBoundingClientRect(), shown = row.getBoundingClientRect()
      if (entry.right > shown.right) row.scrollLeft += entry.right - shown.right + 24 // that another one follows is seen
      else if (entry.left < shown.left) row.scrollLeft += entry.left - shown.left - 24
    }
  }
  show()
  document.addEventListener('htmx:afterSettle', show)
})()
