package view

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
)

// hasContent reports whether a row has more to show than its facts.
func (r Run) hasContent(i int) bool {
	s := &r.Rows[i]
	return len(s.Exchanges) > 0 || s.showItems() || len(s.Items) > 0 || len(r.inputOf(i)) > 0
}

// itemsDoc is the JSON text of items of a step.
func (r Run) itemsDoc(title, part, step string, n int, text json.RawMessage) JSONDoc {
	return JSONDoc{Title: title, Text: text, Source: r.source(part, "step", step, "n", strconv.Itoa(n))}
}

// RowOf returns the index of the row of a step; negative: there is none.
func (r Run) RowOf(path string) int {
	return slices.IndexFunc(r.Rows, func(s StepRow) bool { return s.Path == path })
}

// resumeFrom is the address of the plan of resuming the run from a step on.
func (r Run) resumeFrom(step string) string {
	return r.path() + "/resume?" + url.Values{"from": {step}}.Encode()
}

func (r Resume) fromPath() string { return r.resumeFrom(r.From) }

// runsText says how far a step is that runs.
func runsText(s StepRow) string {
	if s.In > 1 {
		return count(s.Done) + " of " + many(s.In, "item", "items")
	}
	return many(s.In, "item", "items")
}
