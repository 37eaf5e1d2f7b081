package worker

import (
	"strings"
	"time"

	"github.com/penstock/penstock/flows"
)

// maxReason is how much of an item's failure is kept, in bytes.
const maxReason = 300

// itemOutcome is what became of one item at a step.
type itemOutcome struct {
	Item     int    `json:"item"`
	After    int64  `json:"after_us"` // from the begin of the step to that of the item
	Micros   int64  `json:"us"`
	Attempts int    `json:"attempts,omitempty"`
	Replayed bool   `json:"replayed,omitempty"`
	Waits    bool   `json:"waits,omitempty"`
	Out      int    `json:"out"`
	Error    string `json:"error,omitempty"`
}

// itemOutcomes is what is recorded of items, of a step that began then.
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
