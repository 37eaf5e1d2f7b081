package view

import (
	"encoding/json"
	"time"
)

// ItemRow is what became of one item at a step.
type ItemRow struct {
	Within   string // indices of the items that led into nested steps
	Item     int    // its index at the step
	Label    string // both
	Starts   time.Duration
	Took     time.Duration // zero at a step that only computes: nobody took the time
	Attempts int
	Replayed bool // the journal of an earlier attempt had its result
	Waits    bool
	Out      int // items that it became
	Error    string
	Came     json.RawMessage // the item; nil: it is not kept
	Became   json.RawMessage // what it became, an array; nil: it is not kept
	Bar      Bar
}

// note says in a word or two what is not ordinary about the item.
func (i ItemRow) note() string {
	switch {
	case i.Error != "":
		return "failed"
	case i.Waits:
		return "waiting"
	case i.Replayed:
		return "from the journal"
	case i.Attempts == 0:
		return "passed by" // the condition of the step did not hold
	case i.Attempts > 1:
		return many(i.Attempts, "attempt", "attempts")
	}
	return ""
}

// tellsMore reports whether the items of a row tell more than the row itself.
func (s StepRow) tellsMore() bool {
	return len(s.Each) > 1 || len(s.Each) == 1 && (s.In != 1 || s.Each[0].Error != s.Error)
}

// failures are the items on which the step failed, caught or not.
func (s StepRow) failures() int {
	n := 0
	for _, e := range s.Each {
		if e.Error != "" {
			n++
		}
	}
	return n
}

// untold is how many items passed that are not told of one by one. A step
// that only computes tells of none but those that failed.
func (s StepRow) untold() int {
	for _, e := range s.Each {
		if e.Took > 0 && !s.Gathers {
			return max(0, s.In-len(s.Each))
		}
	}
	return 0
}

// WithItems gives the item rows what went in, as far as the record has it.
func (r *Run) WithItems() {
	for i := range r.Rows {
		if s := &r.Rows[i]; !s.Gathers {
			came := r.came(i)
			for j := range s.Each {
				s.Each[j].Came = element(came, &s.Each[j])
			}
		}
	}
}

// element is the item that went in, among what the passages before put out.
func element(came []PutOut, e *ItemRow) json.RawMessage {
	for _, p := range came {
		var all []json.RawMessage
		if p.Within == e.Within && json.Unmarshal(p.Items, &all) == nil && e.Item < len(all) {
			return all[e.Item]
		}
	}
	return nil
}
