package worker

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/queue/attempts"
)

// earlierWait is how long an attempt waits for the record of those before it.
const earlierWait = 5 * time.Second

// earlierAttempts is what the record of a run keeps of all its attempts; the rest of it is about the latest one.
type earlierAttempts struct {
	Attempts  *attempts.History `json:"attempts,omitempty"`           // nil: no attempt has parked the run
	Exchanges []flows.Exchange  `json:"exchanges,omitempty"`          // in the order of time
	LeftOut   int               `json:"exchanges_left_out,omitempty"` // number of exchanges that there was no room for
}

// continueRecord adds to the record what earlier attempts have recorded, and this attempt if it parks the run.
func (r *runner) continueRecord(ctx context.Context, a *queue.Attempt, steps *record, o *queue.Outcome) {
	if o.State == queue.Queued || o.State == queue.Waiting && steps.wait == (attempts.Wait{}) {
		return // nothing is stored: the run is handed back, or waits for a place
	}
	if a.Number > 1 {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), earlierWait)
		defer cancel()
		text, err := a.StoredSteps(ctx)
		if err == nil && text != nil {
			err = json.Unmarshal(text, &steps.earlier)
		}
		if err != nil {
			r.log.Warn("what earlier attempts have recorded is lost", "run_id", a.ID, "error", err)
		}
	}
	if o.State != queue.Waiting {
		return
	}
	if steps.earlier.Attempts == nil {
		steps.earlier.Attempts = &attempts.History{}
	}
	took := time.Since(steps.began)
	steps.earlier.Attempts.Add(attempts.Attempt{
		Number: a.Number, Worker: r.worker, Started: a.Times.Started.UTC(), Ended: a.Times.Started.Add(took).UTC(), Wait: steps.wait,
	}, a.Times.Accepted)
}

// waitOf returns what a run waits for whose attempt has parked it; zero: it is parked for another reason.
func waitOf(o *queue.Outcome, err error) attempts.Wait {
	var parked *flows.Parked
	switch {
	case o.State != queue.Waiting:
	case o.Retry != nil && o.Error != nil:
		return attempts.Wait{For: attempts.Retry, Step: o.Error.Step, Until: o.Wake.UTC()}
	case errors.As(err, &parked):
		return attempts.Wait{For: parked.Kind, Step: parked.Step, Topic: parked.Topic, Until: o.Wake.UTC()}
	}
	return attempts.Wait{}
}
