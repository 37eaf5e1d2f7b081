package worker

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// The record of a run has the outcome of each item of steps with effects, also when the flow does not record items.
func TestARunsRecordTellsOfItems(t *testing.T) {
	t.Parallel()
	r := startWorker(t, map[string]string{
		"v": "steps:\n  - split: '.[]'\n  - name: one\n    script: \"if (item === 2) throw new Error('no two'); return [item, item]\"\n    on_error: skip\n  - set: {n: '${ . }'}",
	})
	ticket := r.submit("v", `[1,2]`)
	r.wait(ticket)
	record, err := r.client.Record(t.Context(), ticket.RunID())
	if err != nil {
		t.Fatal(err)
	}
	var kept struct{ Steps []stepRecord }
	if err := json.Unmarshal(record.Steps, &kept); err != nil || len(kept.Steps) != 3 {
		t.Fatalf("%s: %v", record.Steps, err)
	}
	each := kept.Steps[1].Each
	if len(each) != 2 || each[0].Micros == 0 || each[0].Attempts != 1 || each[0].Out != 2 || each[1].Item != 1 || !strings.Contains(each[1].Error, "no two") {
		t.Errorf("recorded %+v", each)
	}
	if kept.Steps[0].Each != nil || kept.Steps[2].Each != nil {
		t.Errorf("pure steps recorded %+v %+v", kept.Steps[0].Each, kept.Steps[2].Each)
	}
}

// A run's record has a maximum of items, and the beginning of a failure.
func TestToldItemsHaveABound(t *testing.T) {
	t.Parallel()
	r, now := &record{attempt: &queue.Attempt{}}, time.Now()
	each := make([]flows.ItemOutcome, 90)
	for i := range each {
		each[i] = flows.ItemOutcome{Item: i, At: now, Error: strings.Repeat("é", maxReason)}
	}
	for range 10 {
		r.End(flows.StepEnd{Step: "s", Kind: "http", At: now, Outcomes: each})
	}
	recorded := 0
	for _, s := range r.steps {
		recorded += len(s.Each)
	}
	if recorded != maxOutcomes || len(r.steps) != 10 {
		t.Errorf("%d items of %d steps recorded, room for %d", recorded, len(r.steps), maxOutcomes)
	}
	if got := r.steps[0].Each[0].Error; len(got) > maxReason+len("…") || !strings.HasSuffix(got, "é…") {
		t.Errorf("a failure of %d bytes is kept: %q", len(got), got)
	}
}
