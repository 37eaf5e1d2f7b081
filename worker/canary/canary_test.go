package canary

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, c := range []struct {
		rollbackAt   int
		promoteAfter time.Duration
		runs, failed int
		age          time.Duration
		want         string
	}{
		{5, time.Hour, 49, 49, 2 * time.Hour, ""},
		{5, time.Hour, 50, 2, time.Minute, ""},
		{5, time.Hour, 50, 3, 2 * time.Hour, stop},
		{5, time.Hour, 60, 3, time.Minute, stop},
		{5, time.Hour, 50, 2, time.Hour, promote},
		{5, 0, 50, 0, time.Hour, ""},
		{0, time.Hour, 50, 50, time.Hour, promote},
		{0, time.Hour, 50, 0, time.Hour - 1, ""},
		{100, 0, 50, 50, 0, stop},
	} {
		canary := &store.Canary{RollbackAt: c.rollbackAt, PromoteAfter: c.promoteAfter, StartedAt: now.Add(-c.age)}
		if got := decide(canary, queue.VersionRuns{Runs: c.runs, Failed: c.failed}, now); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// A canary whose runs fail is stopped, one that is old enough is promoted, and both are in the log and the audit log.
func TestRulesEndCanaries(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	const good, bad = "trigger: webhook\nsteps: [{set: {a: %d}}]", "trigger: webhook\nsteps: [{fail: {message: bad}}]"
	all := p.Store.Flows()
	start := func(number int64, text string, c store.Canary) {
		t.Helper()
		flow, err := all.Parse("f", fmt.Appendf(nil, "flow: %d\n%s", number, text))
		apitest.Fatal(t, err)
		c.Principals = []string{"user:ulf"}
		apitest.Fatal(t, all.StartCanary(t.Context(), flow, c))
	}
	for _, number := range []int{1, 2, 3} {
		p.Deploy(number, fmt.Sprintf(good, 1))
	}
	start(1, bad, store.Canary{RollbackAt: 5})
	start(2, fmt.Sprintf(good, 2), store.Canary{RollbackAt: 5, PromoteAfter: time.Nanosecond})
	start(3, bad, store.Canary{})
	current := func(number string) (version string, canary bool) {
		head, err := all.Deployment(number)
		apitest.Fatal(t, err)
		return head.Version, head.Canary != nil
	}
	firsts := map[string]string{}
	for _, number := range []string{"1", "2", "3"} {
		firsts[number], _ = current(number)
	}
	var log bytes.Buffer
	keeper := func() *Keeper {
		k, err := New(Config{Redis: p.Redis, Log: slog.New(slog.NewTextHandler(&log, nil)), Store: p.Store, Runs: p.Queue})
		apitest.Fatal(t, err)
		return k
	}
	look := func() {
		t.Helper()
		apitest.Fatal(t, p.Redis.Del(t.Context(), keyTurn).Err())
		apitest.Fatal(t, keeper().look(t.Context()))
	}
	run := func(n int) {
		for range n {
			for flow, status := range map[string]int{"1": 422, "2": 200, "3": 422} {
				p.Want(p.Do("POST", "/v1/flows/"+flow+"/runs", "ulf", `{}`), status)
			}
		}
	}
	run(minRuns - 1)
	look()
	if _, canary := current("1"); !canary {
		t.Error("the canary ended too early")
	}
	run(1)
	apitest.Fatal(t, keeper().look(t.Context())) // another worker has the turn
	if _, canary := current("1"); !canary {
		t.Error("two workers looked")
	}
	testenv.Eventually(t, func() string { // ended runs are listed a moment later
		look()
		for _, number := range []string{"1", "2"} {
			if _, canary := current(number); canary {
				return "the canary of flow " + number + " has not ended"
			}
		}
		return ""
	})
	if version, _ := current("1"); version != firsts["1"] {
		t.Error("the failing canary was promoted")
	}
	if version, _ := current("2"); version == firsts["2"] {
		t.Error("the old canary was not promoted")
	}
	if version, canary := current("3"); version != firsts["3"] || !canary {
		t.Error("a canary without a rule has ended")
	}
	var entries []string
	apitest.Fatal(t, p.Store.Audit().Scan(t.Context(), audit.Range{Oldest: true}, func(e *audit.Entry) bool {
		if e.Actor == "system" {
			entries = append(entries, e.Act+" "+e.Object)
		}
		return true
	}))
	if got := strings.Join(entries, "; "); !strings.Contains(got, "stop canary flow:1, 50 of 50 runs failed") || !strings.Contains(got, "promote canary flow:2, 0 of 50 runs failed") || len(entries) != 2 {
		t.Errorf("audit log: %s", got)
	}
	if got := log.String(); strings.Count(got, "a canary has ended by its rule") != 2 {
		t.Errorf("log: %s", got)
	}
}
