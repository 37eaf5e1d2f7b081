//go:build faults

package faults

import (
	"context"
	"testing"

	"github.com/penstock/penstock/internal/testenv"
)

// Parked runs are nobody's: with every worker and Redis killed meanwhile they
// go on in time, nothing is done again, and no attempt was lost.
func TestParkedRunsOutliveEverybody(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	redis := server.Client()
	s := newSink(t)
	f := newFleet(t, server.URL(), 1, 2)
	c := newCaller(t, f, s)
	answered := make(chan *call, callers)
	for i := range callers {
		go func() { answered <- c.do(context.Background(), &call{flow: "parks", n: i}) }()
	}
	eventually(t, startLimit, "all runs are parked", func() bool {
		parked := 0
		for _, r := range records(t, redis) {
			if r.state == "waiting" {
				parked++
			}
		}
		return parked == callers
	})
	f.worker(0).Kill()
	f.worker(1).Kill()
	server.Kill()
	server.Restart()
	f.replaceWorker(0)
	for range callers {
		call := <-answered
		call.want(t, call.n+2)
	}
	checkAll(t, redis, c.history, s)
	if n := s.count(); n != 2*callers {
		t.Errorf("%d effects, want %d", n, 2*callers)
	}
	for id, r := range records(t, redis) {
		if r.crashes != 0 {
			t.Errorf("run %s lost %d attempts", id, r.crashes)
		}
	}
}
