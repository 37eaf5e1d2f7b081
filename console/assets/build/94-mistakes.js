// ---- Mistakes ----------------------------------------------------------------------------------------------------------------

// showMistakes puts each mistake of the check at the field that it is about, or above the form.
function showMistakes(view) {
  const fields = [...view.form.querySelectorAll('.field')]
  for (const one of view.form.querySelectorAll('.mistake')) { one.hidden = true; one.replaceChildren() }
  const general = view.form.querySelector('.general')
  general?.replaceChildren()
  const row = view.row()
  const mine = row ? mistakesIn(view, row) : []
  for (const problem of view.problems) {
    let best = null, size = Infinity
    for (const one of fields) {
      const entry = one.place?.entry()
      if (entry && entry.from <= problem.at && problem.at <= entry.to && entry.to - entry.from < size) { best = one; size = entry.to - entry.from }
    }
    const own = row?.type === 'step' && row.step.at && best?.place?.entry() === row.step.at && problem.at < row.step.at.colon // about the step as a whole
    const text = problem.message + (problem.hint ? ` (${problem.hint})` : '')
    if (best && !own) {
      const line = best.querySelector(':scope > .mistake')
      line.hidden = false
      line.classList.toggle('warning', problem.warning)
      line.append(h('span', {}, text))
    } else if (mine.includes(problem) && general) general.append(h('p', { class: 'mistake' + (problem.warning ? ' warning' : '') }, text))
  }
}
