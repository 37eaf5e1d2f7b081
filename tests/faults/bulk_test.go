//go:build faults

package faults

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/internal/load"
	"github.com/penstock/penstock/internal/testenv"
)

// ledger is a service that charges and notifies, and records what it has done by path and Idempotency-Key. While it is ill,
// notices fail.
type ledger struct {
	mu   sync.Mutex
	ill  bool           // guarded by mu
	done map[string]int // guarded by mu
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ill && r.URL.Path == "/notify" {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	l.done[r.URL.Path+" "+r.Header.Get("Idempotency-Key")]++
	w.WriteHeader(http.StatusNoContent)
}

// count returns how many effects of a kind happened, and how many of them not for the first time.
func (l *ledger) count(path string) (all, again int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, n := range l.done {
		if strings.HasPrefix(key, path+" ") {
			all, again = all+n, again+n-1
		}
	}
	return all, again
}

// Runs that have charged and could not notify are resumed in bulk under live load, and the worker that executes the operation
// is killed in the middle. Each run charges once and notifies once. The log has the latency of live calls without the
// operation and with it, until the kill:
//
//	go test -count=1 -v -tags faults ./tests/faults -run TestBulkUnderLoad -long
func TestBulkUnderLoad(t *testing.T) {
	runs, window := pick(1000, 10_000), time.Duration(pick(5, 20))*time.Second
	service := &ledger{ill: true, done: map[string]int{}}
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	flow := "flow: 1\nslug: pays\ntrigger: webhook\nsteps:\n  - name: charge\n    http: {post: URL/charge, json: {}}\n  - name: notify\n    http: {post: URL/notify, json: {}}\n"
	live := "flow: 2\nslug: live\ntrigger: webhook\nsteps: [{set: {n: '${ .n }'}}]\n"
	for name, text := range map[string]string{"pays.yaml": strings.ReplaceAll(flow, "URL", server.URL), "live.yaml": live} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	redis := testenv.Redis(t, "--appendonly", "yes")
	f := newFleetWith(t, redis.URL(), dir, 1, 2, "PENSTOCK_ADMIN_USER=ann", "PENSTOCK_ADMIN_PASSWORD=correct horse battery staple")
	door := func(c client.Config) *client.Client {
		c.URL, c.HTTP = f.api(0).url, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
		made, err := client.New(c)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	staff, caller := door(client.Config{User: "ann", Password: "correct horse battery staple"}), door(client.Config{Key: apiKey, Secret: apiSecret})

	begun := load.Run(t.Context(), load.Plan{Callers: 16, Calls: runs}, func(ctx context.Context) error {
		_, err := caller.Start(ctx, client.Request{Flow: "pays", Event: []byte("{}"), Async: true})
		return err
	})
	if begun.Errors > 0 {
		t.Fatalf("%d of %d runs were not accepted: %v", begun.Errors, begun.Calls, begun.First)
	}
	failed := "http://x/v1/runs?page_size=1&filter=" + `state+eq+%22failed%22+and+flow+eq+1`
	eventually(t, 2*time.Minute, "all runs have failed", func() bool {
		var page struct{ Total int }
		err := staff.Call(t.Context(), http.MethodGet, strings.TrimPrefix(failed, "http://x"), nil, &page)
		return err == nil && page.Total >= min(runs, 1000)
	})
	eventually(t, time.Minute, "all have charged", func() bool { n, _ := service.count("/charge"); return n == begun.Calls })

	measure := func(ctx context.Context, d time.Duration) *load.Report {
		return load.Run(ctx, load.Plan{Rate: 50, Duration: d, Warm: 0}, func(ctx context.Context) error {
			_, err := caller.Start(ctx, client.Request{Flow: "live", Event: []byte(`{"n":1}`)})
			return err
		})
	}
	measure(t.Context(), 2*time.Second) // warms up
	without := measure(t.Context(), window)
	service.mu.Lock()
	service.ill = false
	service.mu.Unlock()
	var o struct {
		ID                   string
		State                string
		Total, Done, Skipped int
		Failed               int
	}
	err := staff.Call(t.Context(), http.MethodPost, "/v1/runs/bulk", map[string]any{"action": "resume", "filter": `state eq "failed" and flow eq 1`, "rate": 100}, &o)
	if err != nil || o.Total != begun.Calls {
		t.Fatalf("operation %+v, %v, want %d runs", o, err, begun.Calls)
	}
	read := func() {
		t.Helper()
		if err := staff.Call(t.Context(), http.MethodGet, "/v1/operations/"+o.ID, nil, &o); err != nil {
			t.Fatal(err)
		}
	}
	with := measure(t.Context(), min(window, time.Duration(runs/200)*time.Second))
	read()
	if o.State != "running" || o.Done == 0 {
		t.Fatalf("the operation is %+v when its process is to be killed", o)
	}
	victim := slices.IndexFunc(f.workers, func(w *testenv.Child) bool { return strings.Contains(w.Log(), o.ID) })
	if victim < 0 {
		t.Fatal("no worker executes the operation")
	}
	t.Logf("killed after %d of %d runs", o.Done, o.Total)
	f.worker(victim).Kill()
	f.replaceWorker(victim)
	eventually(t, 5*time.Minute, "the operation is done", func() bool { read(); return o.State == "done" })
	if o.Done != o.Total {
		t.Errorf("operation %+v", o)
	}
	eventually(t, time.Minute, "all have notified", func() bool { n, _ := service.count("/notify"); return n >= o.Total })
	after := measure(t.Context(), window)
	for _, path := range []string{"/charge", "/notify"} {
		if n, again := service.count(path); n != o.Total || again != 0 {
			t.Errorf("%s happened %d times for %d runs, %d of them again", path, n, o.Total, again)
		}
	}
	for _, m := range []struct {
		name string
		*load.Report
	}{{"before", without}, {"with the operation", with}, {"after", after}} {
		t.Log(fmt.Sprintf("live calls %s: %d, %d failed, p50 %v, p99 %v", m.name, m.Calls, m.Errors, m.Percentile(50).Round(10*time.Microsecond), m.Percentile(99).Round(10*time.Microsecond)))
		if m.Errors > 0 {
			t.Errorf("live calls %s failed: %v", m.name, m.First)
		}
	}
}
