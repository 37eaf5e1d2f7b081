//go:build faults

package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/internal/load"
	"github.com/penstock/penstock/internal/testenv"
)

// Workers are killed one after the other while runs end and the one of them whose turn it is copies them to the history. Each run
// is in the history once, and its statistics count each once.
func TestHistoryUnderKills(t *testing.T) {
	runs, kills := pick(3000, 30_000), pick(5, 20)
	dir := t.TempDir()
	flow := "flow: 1\nslug: quick\ntrigger: webhook\nlabels: {n: '${ .n }'}\nsteps: [{set: {n: '${ .n }'}}]\n"
	if err := os.WriteFile(filepath.Join(dir, "quick.yaml"), []byte(flow), 0o600); err != nil {
		t.Fatal(err)
	}
	redis := testenv.Redis(t, "--appendonly", "yes")
	f := newFleetWith(t, redis.URL(), dir, 1, 2, "PENSTOCK_HISTORY=sqlite:"+filepath.Join(t.TempDir(), "history.db"), "PENSTOCK_HOT=2s")
	door := func(c client.Config) *client.Client {
		c.URL, c.HTTP = f.api(0).url, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
		made, err := client.New(c)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	staff, caller := door(client.Config{User: adminUser, Password: adminPassword}), door(client.Config{Key: apiKey, Secret: apiSecret})

	var mu sync.Mutex
	accepted := map[string]int{} // guarded by mu
	over := make(chan struct{})
	var killing sync.WaitGroup
	killing.Go(func() {
		for n := range kills {
			select {
			case <-over:
				return
			case <-time.After(1500 * time.Millisecond):
			}
			f.worker(n % 2).Kill()
			f.replaceWorker(n % 2)
		}
	})
	report := load.Run(t.Context(), load.Plan{Callers: 16, Calls: runs}, func(ctx context.Context) error {
		run, err := caller.Start(ctx, client.Request{Flow: "quick", Event: []byte(`{"n":1}`), Async: true})
		if err == nil {
			mu.Lock()
			accepted[run.ID] = 0
			mu.Unlock()
		}
		return err
	})
	killing.Wait()
	close(over)
	if report.Errors > 0 {
		t.Fatalf("%d of %d runs were not accepted: %v", report.Errors, report.Calls, report.First)
	}
	count := func() (total int) {
		var stats struct {
			Total struct{ Counts map[string]int }
		}
		if err := staff.Call(t.Context(), http.MethodGet, "/v1/flows/1/stats?from=1h", nil, &stats); err != nil {
			t.Fatal(err)
		}
		for _, n := range stats.Total.Counts {
			total += n
		}
		return total
	}
	eventually(t, 2*time.Minute, "the statistics count all runs", func() bool { return count() >= len(accepted) })
	eventually(t, time.Minute, "Redis has removed them", func() bool {
		n, err := redis.Client().LLen(t.Context(), "penstock:{"+queueName+"}:archived").Result()
		return err == nil && n == 0
	})
	lines, err := staff.Stream(t.Context(), "/v1/history/export", "application/x-ndjson")
	if err != nil {
		t.Fatal(err)
	}
	defer lines.Body.Close()
	for s := bufio.NewScanner(lines.Body); s.Scan(); {
		var line struct{ Run struct{ ID string } }
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		accepted[line.Run.ID]++
	}
	for id, n := range accepted {
		if n != 1 {
			t.Errorf("run %s is in the history %d times", id, n)
		}
	}
	if n := count(); n != len(accepted) || n != report.Calls {
		t.Errorf("the statistics count %d of %d runs", n, len(accepted))
	}
}
