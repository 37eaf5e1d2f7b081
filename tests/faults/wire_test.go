//go:build faults

package faults

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

// wire is a fleet that reaches its Redis through a proxy.
type wire struct {
	t      *testing.T
	server *testenv.RedisServer
	proxy  *testenv.Proxy
	sink   *sink
	fleet  *fleet
	caller *caller
}

func newWire(t *testing.T) *wire {
	t.Helper()
	w := &wire{t: t, server: testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always"), sink: newSink(t)}
	w.proxy = testenv.NewProxy(t, w.server.Addr)
	w.fleet = newFleet(t, "redis://"+w.proxy.Addr, 2, 2)
	w.caller = newCaller(t, w.fleet, w.sink)
	return w
}

// during has n callers call, several in a row, while fault does its work.
// Each of them gets its output.
func (w *wire) during(flow string, n, rounds int, fault func(stop <-chan struct{})) (slowest time.Duration) {
	stop := make(chan struct{})
	var faulty sync.WaitGroup
	faulty.Go(func() { fault(stop) })
	for round := range rounds {
		calls := w.caller.together(context.Background(), n, func(i int) *call {
			number := round*1000 + i
			return &call{flow: flow, n: number, key: fmt.Sprintf("%s-%d", flow, number)}
		})
		for _, c := range calls {
			c.want(w.t, c.n+3)
			slowest = max(slowest, c.last().took)
		}
	}
	close(stop)
	faulty.Wait()
	return slowest
}

// check adds to what always holds that no worker died and no effect, of which
// all must happen once, happened twice.
func (w *wire) check() {
	w.t.Helper()
	c := w.server.Client()
	checkAll(w.t, c, w.caller.history, w.sink)
	for id, r := range records(w.t, c) {
		if r.crashes > 0 {
			w.t.Errorf("run %s lost %d attempts, and no worker died", id, r.crashes)
		}
	}
	done := map[string]int{}
	for _, e := range w.sink.seen() {
		if done[e.key]++; done[e.key] == 2 {
			w.t.Errorf("I3: the once effect %s was done again", e.key)
		}
	}
}

// readiness asks a balancer's question.
func readiness(t testing.TB, d *door) int {
	t.Helper()
	r, err := http.Get(d.url + "/readyz")
	if err != nil {
		t.Fatalf("readiness: %v", err)
	}
	defer r.Body.Close()
	return r.StatusCode
}
