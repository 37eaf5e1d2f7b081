package queue

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/penstock/penstock/internal/testenv"
)

// A worker takes no run while Room says that there is no memory for one, and
// takes what waited as soon as there is.
func TestAWorkerWithoutRoomTakesNothing(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	var room atomic.Bool
	var asked, early atomic.Int32
	stop := r.worker(func(_ context.Context, a *Attempt) Outcome {
		if !room.Load() {
			early.Add(1)
		}
		return Outcome{State: Succeeded, Output: []byte(`[]`)}
	}, func(c *ServerConfig) {
		c.Room = func() bool { asked.Add(1); return room.Load() }
	})
	ticket := r.submit(Submission{Spec: spec()})
	before := asked.Load()
	until(t, "both lists ask for room again and again", func() bool { return asked.Load() > before+4 })
	if record, err := r.client.Record(t.Context(), ticket.RunID()); err != nil || record.State != Queued || early.Load() > 0 {
		t.Errorf("without room: %+v, %v, %d runs began", record, err, early.Load())
	}
	room.Store(true)
	if got := r.wait(ticket); got.State != Succeeded {
		t.Errorf("with room: %+v", got)
	}
	stop()
	r.nothingLeft()
}
