package alert_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
	"github.com/penstock/penstock/worker/alert"
	"github.com/penstock/penstock/worker/schedule"
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
	blind  error // of Memory
}

func (s *sick) Stats(context.Context) ([]queue.Stats, error) {
	return []queue.Stats{{Queue: "default", Oldest: s.oldest, Pending: 5, Workers: 2}, {Queue: "paused", Oldest: time.Hour, Paused: true}}, nil
}

func (s *sick) Memory(context.Context) (used, limit int64, err error) { return s.used, 200, s.blind }

func TestConditionsOfTheInstallation(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "name: Sync\ntrigger: {schedule: '@every 1s'}\nsteps: [{transform: .}]") // no worker of this product starts schedules
	p.Deploy(9, fmt.Sprintf(tells, "[queue_late, redis_memory, schedule_missed]", ", late: 10s, memory: 50, allow: 10m"))
	runs := &sick{Client: p.Queue, oldest: 10 * time.Second, used: 99}
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
	runs.blind, runs.used = errors.New("there is no such section"), 0 // what cannot be seen is not over, and hides nothing else
	if err := h.Pass(t.Context(), true, now.Add(11*time.Minute)); err == nil || len(sent(p, 9)) != 3 {
		t.Errorf("%v: %v", summary(sent(p, 9)), err)
	}
	told = append(told, "")
	runs.blind, runs.oldest, runs.used = nil, 0, 99
	apitest.Fatal(t, h.Pass(t.Context(), true, now))
	if got := summary(sent(p, 9)); len(got) != 4 || !strings.Contains(got[3], "recovered redis_memory; ") || !strings.Contains(got[3], "recovered queue_late default; ") {
		t.Errorf("%v", got)
	}
	last := sent(p, 9)[2].Alerts
	if len(last) != 1 || last[0].Flow != 1 || !strings.HasPrefix(last[0].Text, "The schedule of Sync is not kept: nothing has started at ") {
		t.Errorf("%v", last)
	}
}

// emptyPoll is a poll that puts out its event's items. The product starts no schedules, so tests start its runs.
const emptyPoll = "name: Inbox\ntrigger: {poll: '@every 1m'}\non_failure: [{set: {a: 1}}]\nsteps: [{if: '$event.broken != null', fail: {message: b, code: none}}, {split: '.items[]'}]"

// A poll that finds nothing for long is told once, by several workers, and so is its next find. Only runs of the poll that put
// out an item are finds.
func TestAPollThatFindsNothingIsToldOnce(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, emptyPoll)
	p.Deploy(2, emptyPoll+"\nenabled: false")
	p.Deploy(3, "trigger: {schedule: '@every 1m'}\nsteps: [{transform: .}]")
	p.Deploy(9, fmt.Sprintf(tells, "poll_empty", ", for: 1h"))
	all := handlers(p, 3)
	poll := func(principal, event string) string {
		t.Helper()
		flow, _ := p.Store.Flows().Find("1")
		sub := queue.SubmissionOf(flow)
		sub.Event, sub.Principal = []byte(event), principal
		ticket, err := p.Queue.Submit(t.Context(), sub)
		apitest.Fatal(t, err)
		defer ticket.Close()
		_, err = ticket.Wait(t.Context())
		apitest.Fatal(t, err)
		return ticket.RunID()
	}
	finds := func() map[int64]time.Time {
		t.Helper()
		all, err := schedule.LastFinds(t.Context(), p.Redis, []int64{1, 3})
		apitest.Fatal(t, err)
		return all
	}
	watch := func(now time.Time, want ...string) {
		t.Helper()
		passes(p, all, true, now)
		passes(p, all, false, now)
		if diff := cmp.Diff(want, summary(sent(p, 9))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	const fires, ends = "firing poll_empty 1; ", "recovered poll_empty 1; "
	now := time.Now()
	watch(now.Add(59 * time.Minute))
	poll("", `{"items": []}`)
	failureRun(p, poll("", `{"broken": true}`))
	poll("user:ann", `{"items": [1]}`)
	if got := finds(); len(got) != 0 {
		t.Errorf("finds: %v", got)
	}
	later := now.Add(61 * time.Minute)
	watch(later, fires)
	watch(later, fires)
	apitest.Fatal(t, schedule.RecordFind(t.Context(), p.Redis, 1, now.Add(2*time.Minute)))
	watch(later, fires, ends)
	later = later.Add(2 * time.Hour)
	watch(later, fires, ends, fires)
	poll("", `{"items": [1]}`)
	if got := finds(); len(got) != 1 || got[1].Before(now.Add(-time.Second)) || got[1].After(time.Now()) {
		t.Errorf("finds: %v", got)
	}
	a := sent(p, 9)[0].Alerts[0]
	head, _ := p.Store.Flows().Deployment("1")
	if want := "The poll Inbox has found nothing since " + head.Since.UTC().Format(time.RFC3339); a.Text != want || a.Flow != 1 || a.Name != "Inbox" {
		t.Errorf("%+v, want %s", a, want)
	}
}

// A credential that ends soon is told once, by its kind and name, and so is its renewal. One that has ended is not told again.
func TestACredentialThatEndsIsToldOnce(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(9, fmt.Sprintf(tells, "credential_expiring", ", within: 2d"))
	now := time.Now().UTC().Truncate(time.Second)
	day := 24 * time.Hour
	var mu sync.Mutex // guards ends and reads
	ends, reads := []store.Expiry{{Kind: "client", Name: "client-a", Ends: now.Add(3 * day)}, {Kind: "certificate", Name: "bank", Ends: now.Add(9 * day)}}, 0
	all := make([]*alert.Handler, 3)
	for i := range all {
		var err error
		all[i], err = alert.New(alert.Config{
			Redis: p.Redis, Log: slog.New(slog.DiscardHandler), ID: fmt.Sprint("worker ", i), Runs: p.Queue, Flows: p.Store.Flows(), Failures: p.Failures,
			Expiries: func(context.Context) ([]store.Expiry, error) {
				mu.Lock()
				defer mu.Unlock()
				reads++
				return slices.Clone(ends), nil
			},
		})
		apitest.Fatal(t, err)
	}
	var told []string
	watch := func(at time.Time, want ...string) {
		t.Helper()
		passes(p, all, true, at)
		passes(p, all, false, at)
		told = append(told, want...)
		var got []string
		for _, e := range sent(p, 9) {
			for _, a := range e.Alerts {
				got = append(got, fmt.Sprintf("%s: %s (%s %s)", a.Key, a.Text, a.Credential.Kind, a.Credential.Name))
			}
		}
		if diff := cmp.Diff(told, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	soon := fmt.Sprintf("The client client-a ends at %s (client client-a)", now.Add(3*day).Format(time.RFC3339))
	watch(now)
	watch(now.Add(time.Minute))
	mu.Lock()
	if reads != len(all) {
		t.Errorf("credentials are read %d times by %d workers within a minute", reads, len(all))
	}
	mu.Unlock()
	watch(now.Add(day), "credential_expiring client client-a: "+soon)
	watch(now.Add(4 * day)) // it has ended
	mu.Lock()
	ends[0].Ends = now.Add(99 * day)
	mu.Unlock()
	watch(now.Add(5*day), "credential_expiring client client-a: Over: "+soon)
	bank := fmt.Sprintf("The certificate of connection bank has ended at %s (certificate bank)", now.Add(9*day).Format(time.RFC3339))
	watch(now.Add(10*day), "credential_expiring certificate bank: "+bank)
	mu.Lock()
	ends = ends[:1] // deleted
	mu.Unlock()
	watch(now.Add(11*day), "credential_expiring certificate bank: Over: "+bank)
}
