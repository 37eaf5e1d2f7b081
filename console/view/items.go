package view

import (
	"context"
	"encoding/json"
	"time"

	"github.com/penstock/penstock/console/language"
)

// ItemRow is the result of one item at a step.
type ItemRow struct {
	Within   string // indices of the items in whose nested steps it ran; empty: not nested
	Item     int    // its index at the step
	Label    string // Within and Item
	Starts   time.Duration
	Took     time.Duration // zero for a step that only computes: it is not measured
	Attempts int
	Replayed bool // the result inputs from the journal of an earlier attempt
	Waits    bool
	Out      int // number of output items
	Error    string
	Input    json.RawMessage // nil: not recorded
	Output   json.RawMessage // an array; nil: not recorded
	Bar      Bar
}

// note describes what is unusual about the item; empty: nothing.
func (i ItemRow) note(ctx context.Context) string {
	switch {
	case i.Error != "":
		return language.T(ctx, "failed")
	case i.Waits:
		return language.T(ctx, "waiting")
	case i.Replayed:
		return language.T(ctx, "from the journal")
	case i.Attempts == 0:
		return language.T(ctx, "skipped") // the condition of the step did not hold
	case i.Attempts > 1:
		return language.N(ctx, i.Attempts, "%d attempt", "%d attempts")
	}
	return ""
}

// showItems reports whether the items of a row contain more than the row itself.
func (s StepRow) showItems() bool {
	return len(s.Each) > 1 || len(s.Each) == 1 && (s.In != 1 || s.Each[0].Error != s.Error)
}

// failures counts the items with an error, caught or not.
func (s StepRow) failures(ctx context.Context) int {
	n := 0
	for _, e := range s.Each {
		if e.Error != "" {
			n++
		}
	}
	return n
}

// omitted returns the number of items without a row. A step that only computes records only failed items, so that it
// omits none.
func (s StepRow) omitted() int {
	for _, e := range s.Each {
		if e.Took > 0 && !s.Aggregates {
			return max(0, s.In-len(s.Each))
		}
	}
	return 0
}

// WithItems sets the inputs of the item rows, as far as they are recorded.
func (r *Run) WithItems() {
	for i := range r.Rows {
		if s := &r.Rows[i]; !s.Aggregates {
			inputs := r.inputOf(i)
			for j := range s.Each {
				s.Each[j].Input = itemInput(inputs, &s.Each[j])
			}
		}
	}
}

// itemInput returns the input item of a row among the outputs of the previous step runs; nil: not recorded.
func itemInput(inputs []StepOutput, e *ItemRow) json.RawMessage {
	for _, p := range inputs {
		var all []json.RawMessage
		if p.Within == e.Within && json.Unmarshal(p.Items, &all) == nil && e.Item < len(all) {
			return all[e.Item]
		}
	}
	return nil
}
