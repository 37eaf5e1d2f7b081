package view

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"

	"github.com/penstock/penstock/console/language"
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
func runsText(ctx context.Context, s StepRow) string {
	if s.In > 1 {
		return language.N(ctx, s.In, "%[2]d of %[1]d item", "%[2]d of %[1]d items", s.Done)
	}
	return language.N(ctx, s.In, "%d item", "%d items")
}
