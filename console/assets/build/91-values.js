// ---- The values of a view ----------------------------------------------------------------------------------------------------

const csrfToken = () => document.querySelector('meta[name=csrf]').content

async function post(url, fields) {
  const response = await fetch(url, { method: 'POST', headers: { 'X-Csrf-Token': csrfToken(), 'HX-Request': 'true' }, body: new URLSearchParams(fields) })
  if (response.status === 401) document.dispatchEvent(new Event('penstock:signedout'))
  if (!response.ok) throw new Error(`status ${response.status}`)
  return response.json()
}

// Values are the part of a View that knows the data which expressions read, and the values of expressions.
class Values {
  // refreshData asks for the data of the last run and the tests; true: there may be new ones.
  async refreshData() {
    const source = this.editor.state.doc.toString()
    if (source === this.dataFor && Date.now() - this.dataAt < 10_000) return false
    this.dataFor = source
    this.dataAt = Date.now()
    try {
      const told = await post(this.box.dataset.data, { source, flow: this.number })
      this.names = told.names
      if (told.read || told.samples.length) {
        const label = this.sample?.label
        this.samples = told.samples
        this.sample = told.samples.find(one => one.label === label) ?? told.samples[0] ?? null
      }
    } catch { return false } // the bar of the page says that the server does not answer
    this.refreshPreviews()
    return true
  }

  refreshPreviews() {
    clearTimeout(this.previewing)
    this.previewing = setTimeout(() => { for (const line of this.form.querySelectorAll('output.value')) line.refresh?.() }, 350)
  }

  // preview shows the value of an expression in a line. The same question is asked once.
  async preview(line, text, template) {
    if (!this.sample || !text || template && !text.includes('${') || this.isBroken) { line.hidden = true; return }
    const data = JSON.stringify(previewData(this.flow, this.selectedStep(), this.sample, this.catalogue))
    const key = `${template} ${text} ${data}`
    line.asked = key
    if (!this.previews.has(key)) {
      if (this.previews.size > 200) this.previews.clear()
      this.previews.set(key, post(this.box.dataset.preview, { text, template: template ? 'yes' : '', data }).catch(() => null))
    }
    const answer = await this.previews.get(key)
    if (line.asked !== key) return
    if (!answer) { this.previews.delete(key); line.hidden = true; return }
    line.hidden = false
    line.classList.toggle('bad', Boolean(answer.error))
    line.textContent = answer.error ? answer.error : answer.values.length ? '= ' + answer.values.join(', ') + (answer.more ? ', …' : '') : 'no value'
  }
}
