package cli

import (
	"context"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/internal/testenv"
)

// balancer sends requests to API processes in turn. Like any load balancer it tries another one after a refused
// connection, and never repeats a request that was sent.
type balancer struct {
	mu    sync.Mutex
	doors []*client.Client // guarded by mu
	next  int              // guarded by mu
}

func (b *balancer) set(doors ...*client.Client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.doors = doors
}

func (b *balancer) pick() *client.Client {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	return b.doors[b.next%len(b.doors)]
}

// All API processes and workers are replaced one after the other under load, and no request fails.
func TestARollingRestartFailsNoRequest(t *testing.T) {
	t.Parallel()
	needsMinutes(t)
	s := newInstallation(t, testenv.Redis(t, "--appendonly", "yes").URL())
	s.settings["PENSTOCK_LINGER"] = "500ms"
	var b balancer
	door := func() (*childProcess, *client.Client) {
		ready := filepath.Join(t.TempDir(), "ready")
		p := startChild(t, "api", s.settings, "--ready-file", ready)
		p.ready(t, ready)
		c, err := client.New(client.Config{URL: p.url, User: "ann", Password: testSecret})
		if err != nil {
			t.Fatal(err)
		}
		return p, c
	}
	one, oneClient := door()
	two, twoClient := door()
	b.set(oneClient, twoClient)

	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	var calls, failures atomic.Int64
	for range 8 {
		load.Go(func() {
			for ctx.Err() == nil {
				_, err := b.pick().Start(t.Context(), client.Request{Flow: "first", Event: []byte(`{"n":1}`)})
				calls.Add(1)
				if err != nil {
					failures.Add(1)
					t.Errorf("a call failed: %v", err)
				}
			}
		})
	}
	some := func() {
		t.Helper()
		before := calls.Load()
		testenv.Until(t, "a hundred more calls", func() bool { return calls.Load() > before+100 })
	}
	some()
	for i, old := range []*childProcess{one, two} {
		_, nextClient := door()
		if i == 0 {
			b.set(nextClient, twoClient) // as the balancer does when /readyz fails
			oneClient = nextClient
		} else {
			b.set(oneClient, nextClient)
		}
		old.end(t)
		some()
	}
	for i, old := range s.workers {
		s.workers[i] = startChild(t, "worker", s.settings)
		old.end(t)
		some()
	}
	stop()
	load.Wait()
	t.Logf("%d calls, %d failed", calls.Load(), failures.Load())
	if status, a := call(t, s.door.url, "k", "s3cret", 1, ""); status != http.StatusOK {
		t.Errorf("afterwards: %d, %+v", status, a)
	}
}
