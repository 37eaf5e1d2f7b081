package alert_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
	"github.com/penstock/penstock/worker/alert"
)

// A schedule is kept while its latest run has started in time, and has succeeded or is not yet late.
func TestMissed(t *testing.T) {
	t.Parallel()
	f, err := flows.Parse("f.yaml", []byte("flow: 1\ntrigger: {schedule: '0 * * * *'}\nsteps: [{transform: .}]\n"), steps.Catalogue())
	apitest.Fatal(t, err)
	at := func(clock string) time.Time {
		t.Helper()
		parsed, err := time.Parse(time.RFC3339, "2026-03-01T"+clock+":00Z")
		apitest.Fatal(t, err)
		return parsed
	}
	run := func(state queue.State, accepted, resumedBy string) *queue.Record {
		return &queue.Record{
			Spec: queue.Spec{ID: "r"}, Result: queue.Result{State: state, Times: queue.Times{Accepted: at(accepted)}}, ResumedBy: resumedBy,
		}
	}
	for _, c := range []struct {
		what         string
		since, at    string
		last         *queue.Record
		limit, wants string
	}{
		{"it has not been due", "12:10", "", nil, "12:50", ""},
		{"it did not start", "12:10", "", nil, "13:05", "nothing has started at 2026-03-01T13:00:00Z"},
		{"it succeeded", "09:10", "12:00", run(queue.Succeeded, "12:00", ""), "12:50", ""},
		{"then it did not start", "09:10", "12:00", run(queue.Succeeded, "12:00", ""), "13:05", "nothing has started at 2026-03-01T13:00:00Z"},
		{"it failed", "09:10", "12:00", run(queue.Failed, "12:00", ""), "11:55", "the run r is failed"},
		{"it failed and was resumed", "09:10", "12:00", run(queue.Failed, "12:00", "s"), "12:30", ""},
		{"it runs", "09:10", "12:00", run(queue.Running, "12:00", ""), "11:55", ""},
		{"it runs for long", "09:10", "12:00", run(queue.Running, "12:00", ""), "12:05", "the run r has not ended"},
		{"its record is gone", "09:10", "12:00", nil, "12:30", ""},
		{"the schedule is newer than the run", "12:10", "12:00", run(queue.Failed, "12:00", ""), "12:30", ""},
	} {
		decided := time.Time{}
		if c.at != "" {
			decided = at(c.at)
		}
		if got := alert.Missed(&store.Deployment{Since: at(c.since)}, f.Schedule, decided, c.last, at(c.limit)); got != c.wants {
			t.Errorf("%s: %q, want %q", c.what, got, c.wants)
		}
	}
}

// sick is a queue that is late, on a Redis that is nearly full.
type sick struct {
	*queue.Client
	oldest time.Duration
	used   int64
}

func (s *sick) Stats(context.Context) ([]queue.Stats, error) {
	return []queue.Stats{{Queue: "default", Oldest: s.oldest, Pending: 5, Workers: 2}, {Queue: "paused", Oldest: time.Hour, Paused: true}}, nil
}

func (s *sick) Memory(context.Context) (used, limit int64, err error) { return s.used, 200, nil }

func TestConditionsOfTheInstallation(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "name: Sync\ntrigger: {schedule: '@every 1s'}\nsteps: [{transform: .}]") // no worker of this product starts schedules
	p.Deploy(9, fmt.Sprintf(tells, "[queue_late, redis_memory, schedule_missed]", ", late: 10s, memory: 50, allow: 10m"))
	runs := &sick{p.Queue, 10 * time.Second, 99}
	h, err := alert.New(alert.Config{Redis: p.Redis, Log: slog.New(slog.DiscardHandler), ID: "w", Runs: runs, Flows: p.Store.Flows(), Failures: p.Failures})
	apitest.Fatal(t, err)
	var told []string
	pass := func(now time.Time, want ...string) {
		t.Helper()
		apitest.Fatal(t, h.Pass(t.Context(), true, now))
		var got []string
		for _, e := range sent(p, 9)[len(told):] {
			for _, a := range e.Alerts {
				got = append(got, a.State+": "+a.Text)
			}
			told = append(told, "")
		}
		if diff := cmp.Diff(strings.Join(want, "\n"), strings.Join(got, "\n")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	now := time.Now()
	pass(now)
	runs.oldest = 71 * time.Second
	pass(now, "firing: A run waits for a worker in queue default for 1m11s; 5 are pending, 2 workers serve it")
	runs.used = 100
	pass(now, "firing: Redis uses 50 % of its memory")
	runs.oldest, runs.used = 0, 99
	apitest.Fatal(t, h.Pass(t.Context(), true, now))
	if got := summary(sent(p, 9)); len(got) != 3 || !strings.Contains(got[2], "recovered redis_memory; ") || !strings.Contains(got[2], "recovered queue_late default; ") {
		t.Errorf("%v", got)
	}
	told = append(told, "")
	apitest.Fatal(t, h.Pass(t.Context(), true, now.Add(11*time.Minute)))
	last := sent(p, 9)[3].Alerts
	if len(last) != 1 || last[0].Flow != 1 || !strings.HasPrefix(last[0].Text, "The schedule of Sync is not kept: nothing has started at ") {
		t.Errorf("%v", last)
	}
}
