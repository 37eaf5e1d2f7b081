// ---- Values as YAML ----------------------------------------------------------------------------------------------------------

const pad = column => ' '.repeat(column)

// likeNumber are texts that some programs read as numbers or dates.
const likeNumber = /^[-+]?(\.\d|0[0-9xob]|\d[\d_]*_|\d+\.?$|\d+:\d)|^\d{4}-\d\d-\d\d|^[-+]?\.(inf|nan)$/i

// plainSafe reports whether a text may stand without quotes.
function plainSafe(text, flow) {
  return text !== '' && text !== '<<' && text === text.trim() && !/: |:$| #/.test(text) && !/^[-?:,[\]{}#&*!|>'"%@`]/.test(text) &&
    !wordForm.test(text) && !numberForm.test(text) && !likeNumber.test(text) && !(flow && /[,[\]{}]/.test(text)) &&
    !/[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]/.test(text)
}

function quoted(text) {
  if (text.includes('"') && !text.includes("'") && !/[\\\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]/.test(text)) return `'${text}'`
  return JSON.stringify(text).replace(/[\x7f-\x9f\u2028\u2029\ufeff]/g, c => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'))
}

// scalarText writes a scalar on one line.
function scalarText(value, flow) {
  if (value === null || value === undefined) return 'null'
  if (typeof value !== 'string') return String(value)
  return plainSafe(value, flow) ? value : quoted(value)
}

// flowText writes a value on one line, within { } or [ ].
function flowText(value) {
  if (value instanceof Raw) {
    if (/\n/.test(value.text)) throw new Refused('this place is written in one line: so must the value be')
    return value.text
  }
  if (Array.isArray(value)) return '[' + value.map(flowText).join(', ') + ']'
  if (value && typeof value === 'object') return '{' + Object.entries(value).map(([key, v]) => `${scalarText(key, true)}: ${flowText(v)}`).join(', ') + '}'
  return scalarText(value, true)
}

// Raw is YAML that is written as it is, on one line.
class Raw { constructor(text) { this.text = text } }

const isBlock = value => !(value instanceof Raw) && value !== null && typeof value === 'object' && (Array.isArray(value) ? value.length : Object.keys(value).length) > 0

// afterKey writes a value behind `key:` or `-` of the given column: with a blank before it, or as lines below.
function afterKey(value, column) {
  if (value instanceof Yaml) return value.lines(column)
  if (Array.isArray(value) && isBlock(value)) {
    if (value.every(v => v === null || typeof v !== 'object')) return ' ' + flowText(value)
    return '\n' + value.map(v => itemText(v, column + 2)).join('\n')
  }
  if (isBlock(value)) return '\n' + mapText(value, column + 2)
  if (typeof value === 'string' && /\n/.test(value) && !/[ \t]\n|^\s|\r|[\x00-\x08]/.test(value)) {
    const body = value.replace(/\n+$/, '')
    return (value.endsWith('\n') ? ' |' : ' |-') + '\n' + body.split('\n').map(line => line && pad(column + 2) + line).join('\n')
  }
  return ' ' + (isBlock(value) || typeof value === 'object' ? flowText(value) : scalarText(value, false))
}

const mapText = (map, column) => Object.entries(map).map(([key, v]) => pad(column) + scalarText(key, false) + ':' + afterKey(v, column)).join('\n')

// itemText writes an element of a list whose dashes are in the given column.
function itemText(value, column) {
  if (isBlock(value) && !Array.isArray(value)) return pad(column) + '- ' + mapText(value, column + 2).slice(column + 2)
  return pad(column) + '-' + afterKey(value, column)
}

// shifted moves the lines of a text after the first by a number of columns.
function shifted(text, by) {
  if (!by) return text
  return text.split('\n').map((line, i) => i === 0 || !line.trim() ? line : by > 0 ? pad(by) + line : line.slice(Math.min(-by, line.length - line.trimStart().length))).join('\n')
}
