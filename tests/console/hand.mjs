// The hands of a person: what is done on a page by mouse, or by keyboard alone, with the clicks, keys and loaded pages counted.
import assert from 'node:assert/strict'

// Seconds that a person takes, besides waiting: the keystroke-level model of Card, Moran and Newell (Communications of the ACM 23, 7,
// 1980): 1.1 for pointing at something and clicking, 0.2 for a key of an average typist. Thinking is not in it.
const pointing = 1.1, key = 0.2

// hand returns the hands of a person on a page. way is mouse or keyboard.
export function hand(page, way) {
  const keyboard = way === 'keyboard'
  const count = { clicks: 0, keys: 0, loads: 0 }
  const steps = []
  page.on('domcontentloaded', () => { count.loads++ })

  const press = async (name, times = 1) => {
    count.keys += times * name.split('+').length
    for (let i = 0; i < times; i++) await page.keyboard.press(name)
  }
  let typing = 0 // ms of this step for which the keys of a text took; a person takes longer
  const type = async text => {
    count.keys += text.length
    const begun = performance.now()
    await page.keyboard.type(text)
    typing += performance.now() - begun
  }

  // reach moves the focus to an element with Tab, from the beginning of the content.
  async function reach(target) {
    await target.waitFor()
    const where = () => target.evaluate(element => {
      const at = document.activeElement
      if (at === element || element.matches('[role=treeitem]') && element.contains(at)) return 'there'
      if (at.matches('a[href="#main"]') && document.querySelector('#main').contains(element)) return 'skip'
      return at.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_PRECEDING ? 'before' : 'behind'
    })
    for (let i = 0; i < 70; i++) {
      const at = await where()
      if (at === 'there') return
      await press(at === 'skip' ? 'Enter' : at === 'before' ? 'Shift+Tab' : 'Tab')
    }
    assert.fail(`no Tab leads to ${target}`)
  }

  const click = async target => {
    if (keyboard) {
      await reach(target)
      return press('Enter')
    }
    count.clicks++
    await target.click()
  }

  const self = {
    count, press, type, reach, click,

    // step does a part of the job. words say what the person does.
    async step(words, act) {
      const before = { ...count }, begun = performance.now()
      typing = 0
      await act()
      const waited = (performance.now() - begun - typing) / 1000
      const clicks = count.clicks - before.clicks, keys = count.keys - before.keys
      steps.push({ words, clicks, keys, loads: count.loads - before.loads, waited, seconds: waited + clicks * pointing + keys * key })
    },

    // into puts the focus into a field.
    async into(target) {
      if (!await target.evaluate(element => element === document.activeElement)) await (keyboard ? reach(target) : click(target))
    },

    async paste(target, text) {
      await target.waitFor()
      await page.evaluate(text => navigator.clipboard.writeText(text), text) // as the person did at the sender
      await self.into(target)
      await press('Control+V')
    },

    // choose presses a button, or Enter in the field that has the focus.
    enter: button => keyboard ? press('Enter') : click(button),

    // go opens a page of the navigation.
    async go(name) {
      const link = page.locator('nav[aria-label=Main]').getByRole('link', { name })
      if (!keyboard) return click(link)
      const letter = await link.first().getAttribute('data-go')
      await press('g')
      await press(letter)
    },

    // find opens a thing by its name: in its list, or by Ctrl-K.
    async find(name, link, page_) {
      if (keyboard) {
        await press('Control+k')
        await page.locator('#palette [role=combobox]').waitFor()
        await type(name.toLowerCase())
        await page.locator('#palette [role=option]').filter({ hasText: name }).first().waitFor()
        return press('Enter')
      }
      await self.go(page_)
      await click(link)
    },

    // open opens a row of a list.
    async open(row) {
      if (keyboard) {
        await press('j')
        return press('Enter')
      }
      await click(row.locator('[data-open]').first())
    },

    async back() {
      if (keyboard) count.keys += 2 // Alt ←, which is the browser's own
      else count.clicks++
      await page.goBack()
    },

    async reload() {
      if (keyboard) count.keys++ // F5
      else count.clicks++
      await page.reload()
    },

    // done prints the steps and checks that the job did not take more of the hands than it may.
    done(t, most) {
      const sum = name => steps.reduce((n, step) => n + step[name], 0)
      const line = (words, s) => `${String(s.clicks).padStart(3)} clicks ${String(s.keys).padStart(4)} keys ${String(s.loads).padStart(2)} pages ${s.seconds.toFixed(1).padStart(5)} s  ${words}`
      for (const step of steps) t.diagnostic(line(step.words, step))
      t.diagnostic(line('in all, of which ' + sum('waited').toFixed(1) + ' s for the pages', { clicks: sum('clicks'), keys: sum('keys'), loads: sum('loads'), seconds: sum('seconds') }))
      for (const [name, n] of Object.entries(most[way])) assert.ok(sum(name) <= n, `${sum(name)} ${name}, at most ${n} are expected`)
    },
  }
  return self
}
