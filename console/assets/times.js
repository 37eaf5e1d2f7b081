// Writes times in the zone and with the hours that the user has chosen, which the page names; without those, as the browser does.
window.penstockTime = (time, options) => {
  const { timeZone, hours } = document.documentElement.dataset
  const chosen = { ...options, ...(options.timeStyle && hours && { hourCycle: hours === '12' ? 'h12' : 'h23' }) }
  const { lang } = document.documentElement // of several kinds of it that of the browser: 30 November in Britain
  const languages = navigator.languages.find(each => each.split('-')[0] === lang) ?? lang
  try {
    return new Date(time).toLocaleString(languages, { ...chosen, ...(timeZone && { timeZone }) })
  } catch { // a zone that this browser does not know
    return new Date(time).toLocaleString(languages, chosen)
  }
}

// The names of time zones are offered when somebody is about to write one.
document.addEventListener('focusin', event => {
  const list = event.target.matches?.('input[data-zones]') && event.target.list
  if (list && !list.children.length) list.append(...Intl.supportedValuesOf('timeZone').map(value => Object.assign(document.createElement('option'), { value })))
})
