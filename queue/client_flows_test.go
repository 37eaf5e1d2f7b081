package queue

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

// A worker that does not know yet that a pause is over parks no run, and a later pause
// parks runs again.
func TestAPauseThatIsOverParksNothing(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	var since atomic.Int64
	since.Store(1000)
	began := make(chan string, 10)
	next := func() string { return testenv.Receive(t, began, "the event of a run") }
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		if held, err := a.ParkIfPaused(ctx, time.UnixMilli(since.Load())); err != nil || held == Deferred {
			return Outcome{State: Waiting}
		}
		began <- string(a.Event)
		return Outcome{State: Succeeded, Output: []byte("[]")}
	}, func(c *ServerConfig) { c.Slots = 1 })
	var tickets []*Ticket
	for n := range 4 {
		tickets = append(tickets, r.submit(numbered(n)))
		r.state(tickets[n].RunID(), Waiting)
	}
	if _, err := r.client.Cancel(t.Context(), tickets[1].RunID(), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if n, err := r.client.ResumeFlow(t.Context(), 1, time.UnixMilli(1000)); n != 3 || err != nil {
		t.Errorf("released %d runs, %v", n, err)
	}
	var order []string
	for range 3 {
		order = append(order, next())
	}
	if !slices.Equal(order, []string{"0", "2", "3"}) {
		t.Errorf("began in the order %v", order)
	}
	r.wait(r.submit(numbered(4))) // the worker still believes in the pause
	since.Store(2000)
	r.state(r.submit(numbered(5)).RunID(), Waiting)
	if n, err := r.client.ResumeFlow(t.Context(), 1, time.UnixMilli(2000)); n != 1 || err != nil {
		t.Errorf("released %d runs, %v", n, err)
	}
	if last := next() + next(); last != "45" {
		t.Errorf("then began %s", last)
	}
	r.nothingLeft()
}

// A run with a waiting caller ends at its limit: a pause does not stop that clock. The
// limit of other runs counts from their first start.
func TestAPausedRunThatIsWaitedForEndsAtItsLimit(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		if _, err := a.ParkIfPaused(ctx, time.UnixMilli(1000)); err != nil {
			return Outcome{State: TimedOut}
		}
		return Outcome{State: Waiting}
	})
	s := numbered(1)
	s.Sync, s.Limit = true, time.Second
	if got := r.wait(r.submit(s)); got.State != TimedOut {
		t.Errorf("ended %s", got.State)
	}
	r.nothingLeft()
}

// Begun runs are completed: a run that was parked by a step continues.
func TestARunThatWasParkedHalfWayIsNotPaused(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	var paused atomic.Bool
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		if a.Number == 1 {
			paused.Store(true)
			return Outcome{State: Waiting, Wake: time.Now().Add(100 * time.Millisecond), Steps: []byte(`{"steps":[]}`)}
		}
		if paused.Load() {
			if held, err := a.ParkIfPaused(ctx, time.UnixMilli(1000)); err != nil || held != Admitted {
				return Outcome{State: Failed}
			}
		}
		return Outcome{State: Succeeded, Output: []byte("[]")}
	})
	if got := r.wait(r.submit(numbered(1))); got.State != Succeeded {
		t.Errorf("ended %s", got.State)
	}
}
