// ---- Conditions --------------------------------------------------------------------------------------------------------------

// comparisons are what the builder of conditions writes and reads: test is a jq program of a path and a value.
const comparisons = [
  { name: 'is', write: (path, value) => `${path} == ${value}`, read: /^(PATH) == (VALUE)$/ },
  { name: 'is not', write: (path, value) => `${path} != ${value}`, read: /^(PATH) != (VALUE)$/ },
  { name: 'is there', write: path => `${path} != null`, read: /^(PATH) != null$/ },
  { name: 'is missing', write: path => `${path} == null`, read: /^(PATH) == null$/ },
  { name: 'is empty', write: path => `(${path} | length) == 0`, read: /^\((PATH) \| length\) == 0$/ },
  { name: 'is not empty', write: path => `(${path} | length) > 0`, read: /^\((PATH) \| length\) > 0$/ },
  { name: 'is greater than', write: (path, value) => `${path} > ${value}`, read: /^(PATH) > (VALUE)$/ },
  { name: 'is less than', write: (path, value) => `${path} < ${value}`, read: /^(PATH) < (VALUE)$/ },
  { name: 'contains', write: (path, value) => `(${path} | tostring | contains(${textValue(value)}))`, read: /^\((PATH) \| tostring \| contains\((VALUE)\)\)$/ },
  { name: 'starts with', write: (path, value) => `(${path} | tostring | startswith(${textValue(value)}))`, read: /^\((PATH) \| tostring \| startswith\((VALUE)\)\)$/ },
].map(one => ({ ...one, takesValue: one.write.length === 2, read: new RegExp(one.read.source
  .replaceAll('PATH', String.raw`(?:\.\w*|\$\w+)(?:\.\w+|\[\d+\]|\["[^"\\]*"\])*`).replaceAll('VALUE', String.raw`"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false|(?:\.|\$)[\w.$[\]]+`)) }))

const textValue = value => value.startsWith('"') || /^[.$]/.test(value) ? value : JSON.stringify(value)

// readCondition returns { path, comparison, value } of a program that the builder could have written; null: of another one.
function readCondition(program) {
  const text = program.trim()
  for (const name of ['is missing', 'is there', ...comparisons.map(one => one.name)]) {
    const one = comparisons.find(c => c.name === name), match = one.read.exec(text)
    if (match) return { path: match[1], comparison: name, value: match[2] === undefined ? '' : match[2].startsWith('"') ? JSON.parse(match[2]) : match[2] }
  }
  return null
}

// writeCondition returns the program. A value that is no number, true, false or path is a text.
function writeCondition({ path, comparison, value }) {
  const one = comparisons.find(c => c.name === comparison)
  const literal = /^-?\d+(\.\d+)?$|^(true|false)$|^(\.|\$(event|steps|vars|params|headers)\b)[\w.$[\]]*$/.test(value) ? value : JSON.stringify(value)
  return one.write(path || '.', literal)
}
