// Says the texts of the scripts in the language of the page. The key of a message is its English text, as on the server; the other
// languages are in a file that is loaded before, which has the messages of the scripts alone.
(() => {
  'use strict'

  const language = document.documentElement.lang || 'en'
  const messages = window.penstockTexts ?? {}
  const plurals = new Intl.PluralRules(language)

  // fill puts values in the places of %s, %d and %[1]s. Numbers are written as the language does.
  function fill(text, values) {
    let next = 0
    return text.replace(/%(?:\[(\d+)\])?([sd%])/g, (verb, at, kind) => {
      if (kind === '%') return '%'
      const value = values[at ? at - 1 : next++]
      return kind === 'd' ? Number(value).toLocaleString(language) : String(value)
    })
  }

  // T is a message with values; TN one about a number, its first value: one is the English text for 1, more that for others, and the key.
  window.T = (key, ...values) => {
    const text = messages[key] ?? key
    return values.length ? fill(text, values) : text
  }
  window.TN = (n, one, more, ...values) => fill(messages[more]?.[plurals.select(n)] ?? messages[more]?.other ?? (n === 1 ? one : more), [n, ...values])
})()
