//go:build faults || soak

package faults

import (
	"context"
	"encoding/json"
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

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/internal/testenv"
)

// telling is a fleet of two apis and three workers with a flow that fails, on_failure of it, and a flow that tells a receiver.
type telling struct {
	*fleet
	redis *redis.Client
	doors []*client.Client

	mu      sync.Mutex // guards the rest
	notices []string   // bodies that the receiver got
}

func newTelling(t *testing.T) *telling {
	t.Helper()
	s := &telling{}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.notices = append(s.notices, string(body))
	}))
	t.Cleanup(receiver.Close)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"fails": "flow: 1\nslug: fails\non_failure: [{set: {n: '${ .n }', of: '${ $error.run }'}}]\nsteps: [{fail: {message: 'no ${ .n }', code: none}}]",
		"works": "flow: 2\nslug: works\nsteps: [{transform: .}]",
		"tells": "flow: 3\nslug: tells\ntrigger: {alert: {when: new_failure, wait: 5s}}\nsteps: [{http: {post: '" + receiver.URL + "', json: '${ . }'}, retry: {attempts: 5, on: [network, timeout]}, effect: idempotent}]",
	} {
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := testenv.Redis(t)
	s.redis = server.Client()
	s.fleet = newFleetWith(t, server.URL(), dir, 2, 3)
	for i := range 2 {
		c, err := client.New(client.Config{URL: s.api(i).url, Key: apiKey, Secret: apiSecret})
		if err != nil {
			t.Fatal(err)
		}
		s.doors = append(s.doors, c)
	}
	return s
}

// fail starts runs of the failing flow, at both apis.
func (s *telling) fail(n int) {
	s.t.Helper()
	var starting sync.WaitGroup
	for from := range callers {
		starting.Go(func() {
			for i := from; i < n; i += callers {
				_, err := s.doors[i%2].Start(context.Background(), client.Request{Flow: "fails", Event: fmt.Appendf(nil, `{"n":%d}`, i), Async: true})
				if err != nil {
					s.t.Errorf("start run %d: %v", i, err)
				}
			}
		})
	}
	starting.Wait()
}

// told returns what the receiver got.
func (s *telling) told() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.notices)
}

// handlers counts the runs of on_failure by the run whose failure they handle, and those that have not ended.
func (s *telling) handlers() (by map[string]int, failed, open int) {
	s.t.Helper()
	by = map[string]int{}
	for id, r := range records(s.t, s.redis) {
		const failureOf = 15 // see queue/run_spec.go
		spec := strings.Split(s.redis.HGet(context.Background(), ours+"run:"+id, "spec").Val(), "\x1f")
		switch {
		case spec[1] != "1":
		case !r.terminal():
			open++
		case len(spec) > failureOf && spec[failureOf] != "":
			by[spec[failureOf]]++
		case r.state == "failed":
			failed++
		}
	}
	return by, failed, open
}

// handled waits until each of n runs has failed and was handled, and checks that each was once.
func (s *telling) handled(n int, limit time.Duration) {
	s.t.Helper()
	eventually(s.t, limit, "all failures are handled", func() bool {
		by, failed, open := s.handlers()
		return failed == n && open == 0 && len(by) == n
	})
	by, _, _ := s.handlers()
	for run, times := range by {
		if times != 1 {
			s.t.Errorf("the failure of run %s is handled by %d runs", run, times)
		}
	}
	if left := s.redis.XLen(context.Background(), ours+"failed").Val(); left != 0 {
		s.t.Logf("%d entries are left in the stream of failed runs", left)
	}
}

// notice checks that one run told of one failure, and returns its alert.
func (s *telling) notice() map[string]any {
	s.t.Helper()
	eventually(s.t, startLimit, "the failure is told", func() bool { return len(s.told()) > 0 })
	all := s.told()
	var event struct {
		Alerts []map[string]any `json:"alerts"`
	}
	if err := json.Unmarshal([]byte(all[0]), &event); err != nil || len(all) != 1 || len(event.Alerts) != 1 {
		s.t.Fatalf("%d notices: %v, %v", len(all), all, err)
	}
	return event.Alerts[0]
}

// Workers are killed between the ends of runs and their handling: on_failure runs once for each, and one notice is sent.
func TestFailuresAreHandledOnceUnderKills(t *testing.T) {
	t.Parallel()
	s := newTelling(t)
	const runs = 200
	s.fail(runs / 2)
	for i := range 3 { // within the second in which failed runs are read
		s.worker(i).Kill()
	}
	s.fail(runs / 2)
	for i := range 3 {
		s.replaceWorker(i)
	}
	s.worker(1).Kill()
	s.replaceWorker(1)
	s.handled(runs, 2*time.Minute)
	if a := s.notice(); a["kind"] != "new_failure" || a["message"] != "no N" {
		t.Errorf("told: %v", a)
	}
}

// Thousands of failures are one notice, take a bounded part of Redis, and do not slow down the callers of other flows.
func TestABurstOfFailures(t *testing.T) {
	t.Parallel()
	s := newTelling(t)
	runs := pick(3_000, 10_000)
	latency := func(during func()) (p50, p99 time.Duration) {
		stop, all := make(chan struct{}), []time.Duration{}
		var calling sync.WaitGroup
		calling.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				begun := time.Now()
				if _, err := s.doors[n%2].Start(context.Background(), client.Request{Flow: "works", Event: []byte(`{}`)}); err != nil {
					t.Errorf("call %d: %v", n, err)
				}
				all = append(all, time.Since(begun))
			}
		})
		during()
		close(stop)
		calling.Wait()
		slices.Sort(all)
		return all[len(all)/2], all[len(all)*99/100]
	}
	quiet50, quiet99 := latency(func() { time.Sleep(5 * time.Second) }) // the length of the measurement
	begun := time.Now()
	start50, start99 := latency(func() { s.fail(runs) })
	started := time.Since(begun)
	busy50, busy99 := latency(func() { s.handled(runs, 5*time.Minute) })
	t.Logf("p50 %v, p99 %v without failures; %v, %v while %d runs start and fail in %v; %v, %v until they are handled, %v later",
		quiet50, quiet99, start50, start99, runs, started, busy50, busy99, time.Since(begun)-started)
	if a := s.notice(); a["kind"] != "new_failure" {
		t.Errorf("told: %v", a)
	}
	var bytes int64
	for _, pattern := range []string{"penstock:{failures:*", "penstock:{alerts:*", "penstock:failures*", ours + "failed"} {
		for _, key := range s.redis.Keys(t.Context(), pattern).Val() {
			n := s.redis.MemoryUsage(t.Context(), key, 0).Val()
			bytes += n
			t.Logf("%s: %d bytes", key, n)
		}
	}
	if most := int64(200*runs + 100_000); bytes > most {
		t.Errorf("%d bytes are kept of the failures, at most %d are expected", bytes, most)
	}
}
