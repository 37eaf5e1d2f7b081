package queue

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/penstock/penstock/internal/testenv"
)

// A worker that cannot execute a run returns it to the queue, which is no crash, and
// claims nothing while it is not ready.
func TestAWorkerThatIsNotReadyHandsBackAndTakesNothing(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	var unready, met atomic.Int32
	var askedAgain atomic.Bool
	stop := r.worker(func(_ context.Context, a *Attempt) Outcome {
		met.Add(1)
		unready.Store(1)
		return Outcome{State: Queued}
	}, func(c *ServerConfig) {
		c.Slots = 1
		c.Ready = func() bool {
			askedAgain.Store(askedAgain.Load() || unready.Load() == 1)
			return unready.Load() == 0
		}
	})
	tickets := []*Ticket{r.submit(Submission{Spec: spec()}), r.submit(Submission{Spec: spec()})}
	until(t, "the worker asks whether it is ready", askedAgain.Load)
	until(t, "all runs are back", func() bool {
		for _, ticket := range tickets {
			record, err := r.client.Record(t.Context(), ticket.RunID())
			if err != nil || record.State != Queued || record.Crashes != 0 {
				return false
			}
		}
		return true
	})
	if n := met.Load(); n > 2 { // the second may have been taken in the same call
		t.Errorf("the worker met %d runs while it was not ready", n)
	}
	r.worker(echo)
	for _, ticket := range tickets {
		if got := r.wait(ticket); got.State != Succeeded {
			t.Errorf("result %+v", got)
		}
	}
	stop()
	r.nothingLeft()
}
