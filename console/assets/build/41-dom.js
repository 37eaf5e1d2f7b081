// ---- Elements ----------------------------------------------------------------------------------------------------------------

// h makes an element. Of its attributes, those that begin with on are handlers, and false and null are left out.
function h(name, attributes = {}, ...children) {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value)
    else if (key in element && typeof value !== 'string' && key !== 'list') element[key] = value
    else element.setAttribute(key, value === true ? '' : value)
  }
  element.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false && child !== ''))
  return element
}

const button = (text, act, more = {}) => h('button', { type: 'button', onclick: act, ...more }, text)

// prose turns the Markdown of a summary into text with code: links are their texts.
function prose(markdown) {
  return markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').split('`').map((part, i) => i % 2 ? h('code', {}, part) : part)
}

const plainProse = markdown => markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '')

let ids = 0
const newId = () => `build-${++ids}`

// words writes the name of a parameter for people.
const words = name => { const text = name.replaceAll('_', ' '); return text[0].toUpperCase() + text.slice(1) }

// below is the element below which a list for an input is shown: the row of a table of fields, or the input with its button.
const below = input => input.closest('.row') ?? input.closest('.with-picker')
