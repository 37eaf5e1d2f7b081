package worker

import (
	"strings"
	"time"

	"github.com/penstock/penstock/flows"
)

// maxReason is the maximum length of a recorded error of an item in bytes.
const maxReason = 300

// itemOutcome is the outcome of one item at a step.
type itemOutcome struct {
	Item     int    `json:"item"`
	After    int64  `json:"after_us"` // from the start of the step to that of the item, microseconds
	Micros   int64  `json:"us"`       // duration, microseconds
	Attempts int    `json:"attempts,omitempty"`
	Replayed bool   `json:"replayed,omitempty"`
	Waits    bool   `json:"waits,omitempty"`
	Out      int    `json:"out"`
	Error    string `json:"error,omitempty"`
}

// itemOutcomes converts outcomes for the record of a step that began at the given time.
func itemOutcomes(each []flows.ItemOutcome, began time.Time) []itemOutcome {
	if len(each) == 0 {
		return nil
	}
	all := make([]itemOutcome, len(each))
	for i, e := range each {
		all[i] = itemOutcome{
			Item: e.Item, After: max(0, e.At.Sub(began).Microseconds()), Micros: e.Duration.Microseconds(),
			Attempts: e.Attempts, Replayed: e.Replayed, Waits: e.Waits, Out: e.Out, Error: e.Error,
		}
		if len(e.Error) > maxReason {
			all[i].Error = strings.ToValidUTF8(e.Error[:maxReason], "") + "…"
		}
	}
	return all
}
