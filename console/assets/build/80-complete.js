// ---- Completion in the text editor -------------------------------------------------------------------------------------------

// programLine is a line whose value is a program without ${ }.
const programLine = /^\s*(?:- +)*(?:if|when|until|transform|filter|split|collect|over|program|each|next_url|items):\s+(['"]?)(.*)$/

// completeText returns the completions of an expression, or of the name of something that the server has, at the cursor of the text
// editor; null: there are none.
function completeText(view, context) {
  const line = context.state.doc.lineAt(context.pos)
  const before = line.text.slice(0, context.pos - line.from)
  const named = /(?:^|[\s{,])(connection|secret|call|emit|flow):\s+([\w.-]*)$/.exec(before)
  if (named) {
    const all = { connection: view.names.connections, secret: view.names.secrets }[named[1]] ?? (named[1] === 'flow' ? [] : view.names.flows)
    return all.length ? { from: context.pos - named[2].length, options: all.map(one => ({ label: one.name, detail: one.kind })), validFor: /^[\w.-]*$/ } : null
  }
  const program = programLine.test(before)
  const place = expressionAt(before, before.length, program)
  if (!place || !place.typed && !context.explicit || !view.flow) return null
  view.ensureFresh()
  const step = stepAt(view.flow, context.pos)
  const all = valuesFor(view, step).filter(one => !one.of)
  const doubled = /"/.test(before.slice(0, place.from)) && (before.slice(0, place.from).split('"').length % 2 === 0) // within quotes
  return {
    from: line.from + place.from, validFor: /^[\w.$[\]"]*$/,
    options: all.filter(one => one.path !== '.').map(one => ({ label: doubled ? one.path.replaceAll('"', '\\"') : one.path, detail: one.has ? shownValue(one.value, 40) : '', info: one.group, boost: one.path.startsWith('$event') ? 2 : one.path.startsWith('.') ? 3 : 1 })),
  }
}
