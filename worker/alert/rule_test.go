package alert_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/worker/alert"
)

// handlers returns handlers of several workers of a product.
func handlers(p *apitest.Product, n int) []*alert.Handler {
	p.T.Helper()
	all := make([]*alert.Handler, n)
	for i := range all {
		var err error
		all[i], err = alert.New(alert.Config{
			Redis: p.Redis, Log: slog.New(slog.DiscardHandler), ID: fmt.Sprint("worker ", i), Runs: p.Queue, Flows: p.Store.Flows(), Failures: p.Failures,
			Issuer: "https://penstock.example",
		})
		apitest.Fatal(p.T, err)
	}
	return all
}

// passes makes each worker send what is due, all at the same time, as when each believes to have the turn.
func passes(p *apitest.Product, all []*alert.Handler, look bool, now time.Time) {
	p.T.Helper()
	var running sync.WaitGroup
	for _, h := range all {
		running.Go(func() {
			if err := h.Pass(p.T.Context(), look, now); err != nil {
				p.T.Error(err)
			}
		})
	}
	running.Wait()
}

// event is the event of a run of an alert flow.
type event struct {
	Alerts []alert.Alert `json:"alerts"`
	More   int           `json:"more"`
}

// sent returns the events of the runs of an alert flow, oldest first.
func sent(p *apitest.Product, flow int64) (all []event) {
	p.T.Helper()
	var ids []string
	_, _, err := p.Queue.List(p.T.Context(), queue.List{Oldest: true}, func(r *queue.Record) {
		if r.Flow == flow {
			ids = append(ids, r.ID)
		}
	})
	apitest.Fatal(p.T, err)
	for _, id := range ids {
		r, err := p.Queue.Record(p.T.Context(), id)
		apitest.Fatal(p.T, err)
		var e event
		apitest.Fatal(p.T, json.Unmarshal(r.Event, &e))
		all = append(all, e)
	}
	return all
}

// summary is the kinds, states and keys of the alerts of each event.
func summary(all []event) (lines []string) {
	for _, e := range all {
		line := ""
		for _, a := range e.Alerts {
			line += fmt.Sprintf("%s %s; ", a.State, a.Key)
		}
		lines = append(lines, line)
	}
	return lines
}

const tells = "trigger: {alert: {when: %s, wait: 0s, every: 1h%s}}\nsteps: [{transform: .}]"

// failRuns stores n runs of a flow as failed, and returns their ids.
func failRuns(p *apitest.Product, flow, n int) (ids []string) {
	p.T.Helper()
	for range n {
		ids = append(ids, fail(p, flow))
	}
	return ids
}

// Workers that handle the same failed runs, and send at the same time, start one run for a new failure; a failure that
// comes back after it was resolved is told again.
func TestOneRunTellsOfANewFailure(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "name: Orders\nsteps: [{name: pay, fail: {message: 'no ${ .n }', code: none}}]")
	p.Deploy(9, fmt.Sprintf(tells, "[new_failure, failure_again]", ""))
	all := handlers(p, 5)
	handle := func(ids []string) {
		t.Helper()
		var running sync.WaitGroup
		for _, h := range all {
			running.Go(func() {
				if err := h.Handle(t.Context(), ids); err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
	}
	runs := failRuns(p, 1, 3)
	handle(runs)
	passes(p, all, true, time.Now())
	passes(p, all, true, time.Now())
	got := sent(p, 9)
	if len(got) != 1 || len(got[0].Alerts) != 1 {
		t.Fatalf("runs: %v", got)
	}
	a := got[0].Alerts[0]
	id := a.Failure
	want := alert.Alert{
		Kind: "new_failure", State: "firing", Key: "new_failure " + id, Text: "Orders fails in a way that was not seen before at pay: no N", At: a.At,
		Flow: 1, Name: "Orders", Failure: id, Step: "pay", Code: "none", Message: "no N", Run: a.Run, Count: 3, URL: "https://penstock.example/console/failures/" + id,
	}
	if diff := cmp.Diff(want, a); diff != "" || a.At.IsZero() {
		t.Errorf("alert (-want +got):\n%s", diff)
	}
	apitest.Fatal(t, p.Failures.Set(t.Context(), id, failure.Resolved, time.Time{}))
	handle(failRuns(p, 1, 2))
	passes(p, all, true, time.Now())
	handle(runs) // again, as after a crash
	passes(p, all, true, time.Now())
	if diff := cmp.Diff([]string{"firing new_failure " + id + "; ", "firing failure_again " + id + "; "}, summary(sent(p, 9))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Rules are about the flows that they name, and not about flows with an alert trigger; a muted failure is not told.
func TestWhatIsNotTold(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "slug: one\nsteps: [{fail: {message: a, code: none}}]")
	p.Deploy(2, "steps: [{fail: {message: b, code: none}}]")
	p.Deploy(8, "trigger: {alert: {when: new_failure, wait: 0s}}\nsteps: [{fail: {message: c, code: none}}]")
	p.Deploy(9, fmt.Sprintf(tells, "new_failure", ", flows: [one]"))
	p.Deploy(10, "enabled: false\n"+fmt.Sprintf(tells, "new_failure", ""))
	h := handlers(p, 1)
	apitest.Fatal(t, h[0].Handle(t.Context(), []string{fail(p, 1), fail(p, 2)}))
	passes(p, h, true, time.Now())
	testenv.Eventually(t, func() string { // the alert flow fails
		if n := len(p.Want(p.Do("GET", "/v1/failures", "ann", ""), 200)["items"].([]any)); n != 3 {
			return fmt.Sprint(n, " failures")
		}
		return ""
	})
	passes(p, h, true, time.Now())
	if one, two := sent(p, 9), sent(p, 8); len(one) != 1 || len(one[0].Alerts) != 1 || one[0].Alerts[0].Flow != 1 || len(two) != 1 || len(two[0].Alerts) != 2 {
		t.Errorf("told: %v and %v", summary(one), summary(two))
	}
	if n := len(sent(p, 10)); n != 0 {
		t.Errorf("a disabled flow has %d runs", n)
	}
}

// A condition is told when it begins and when it ends, not in between, and again only after the pause.
func TestConditionsAreToldOnce(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "steps: [{fail: {message: a, code: none}}]")
	p.Deploy(9, fmt.Sprintf(tells, "failure_rate", ", runs: 3, window: 5m"))
	all := handlers(p, 3)
	watch := func(want ...string) {
		t.Helper()
		passes(p, all, true, time.Now())
		passes(p, all, false, time.Now())
		if diff := cmp.Diff(want, summary(sent(p, 9))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	const fires, ends = "firing failure_rate 1; ", "recovered failure_rate 1; "
	record := func(n int) {
		t.Helper()
		apitest.Fatal(t, all[0].Handle(t.Context(), failRuns(p, 1, n)))
	}
	forget := func() {
		t.Helper()
		apitest.Fatal(t, p.Redis.Del(t.Context(), "penstock:{failures:1}:minutes").Err())
	}
	record(2)
	watch()
	record(1)
	watch(fires)
	watch(fires)
	forget()
	watch(fires, ends)
	watch(fires, ends)
	record(3) // within the pause
	watch(fires, ends)
	forget() // before it was told
	watch(fires, ends)
	if texts := sent(p, 9); texts[0].Alerts[0].Text != "3 runs of flow 1 failed within 5m" || texts[1].Alerts[0].Text != "Over: 3 runs of flow 1 failed within 5m" {
		t.Errorf("%v", texts)
	}
}

// A worker that is lost between the batch and its run leads to one run.
func TestABatchIsSentAfterACrash(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "steps: [{fail: {message: a, code: none}}]")
	p.Deploy(9, fmt.Sprintf(tells, "new_failure", ""))
	h := handlers(p, 2)
	apitest.Fatal(t, h[0].Handle(t.Context(), []string{fail(p, 1)}))
	ctx, lost := context.WithCancel(t.Context())
	crash := &startCrash{Client: p.Queue, lost: lost}
	first, err := alert.New(alert.Config{Redis: p.Redis, Log: slog.New(slog.DiscardHandler), ID: "lost", Runs: crash, Flows: p.Store.Flows(), Failures: p.Failures})
	apitest.Fatal(t, err)
	if err := first.Pass(ctx, false, time.Now()); err == nil {
		t.Fatal("nothing was lost")
	}
	passes(p, h, false, time.Now())
	if got := sent(p, 9); len(got) != 1 {
		t.Errorf("runs: %v", summary(got))
	}
	if n := p.Redis.Exists(t.Context(), "penstock:{alerts:9}:batch").Val(); n != 0 {
		t.Error("the batch is left")
	}
}

// startCrash is lost after it has started a run.
type startCrash struct {
	*queue.Client
	lost func()
}

func (c *startCrash) Start(ctx context.Context, s queue.Submission, at time.Time) (string, error) {
	run, err := c.Client.Start(ctx, s, at)
	c.lost()
	return run, err
}

// In quiet hours nothing is sent; what has happened is told at their end, in one run.
func TestQuietHours(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "steps: [{fail: {message: a, code: none}}]")
	p.Deploy(2, "steps: [{fail: {message: b, code: none}}]")
	p.Deploy(9, fmt.Sprintf(tells, "new_failure", `, quiet: {from: "22:00", to: "06:00"}`))
	h := handlers(p, 1)
	apitest.Fatal(t, h[0].Handle(t.Context(), []string{fail(p, 1)}))
	day := time.Now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	passes(p, h, false, day.Add(23*time.Hour))
	apitest.Fatal(t, h[0].Handle(t.Context(), []string{fail(p, 2)}))
	passes(p, h, false, day.Add(29*time.Hour))
	if got := sent(p, 9); len(got) != 0 {
		t.Errorf("told at night: %v", summary(got))
	}
	passes(p, h, false, day.Add(30*time.Hour))
	if got := sent(p, 9); len(got) != 1 || len(got[0].Alerts) != 2 {
		t.Errorf("told: %v", summary(got))
	}
}

// Failures in thousands of ways make one run, and their alerts are bounded; all keys have an end.
func TestAlertsAreBounded(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "steps: [{fail: {message: '${ .n }', code: none}}]")
	p.Deploy(9, fmt.Sprintf(tells, "new_failure", ""))
	h := handlers(p, 1)
	var ids []string
	for i := range 130 {
		way := strings.Repeat(string(rune('a'+i%26)), 1+i/26)
		ids = append(ids, p.Want(p.Do("POST", "/v1/flows/1/runs", "ann", fmt.Sprintf(`{"n": %q}`, way)), 422)["run_id"].(string))
	}
	apitest.Fatal(t, h[0].Handle(t.Context(), ids))
	passes(p, h, true, time.Now())
	passes(p, h, true, time.Now())
	got := sent(p, 9)
	if len(got) != 1 || len(got[0].Alerts) != 100 || got[0].More != 30 {
		t.Fatalf("%d runs: %v", len(got), summary(got))
	}
	for _, key := range p.Redis.Keys(t.Context(), "penstock:{alerts:*").Val() {
		if p.Redis.TTL(t.Context(), key).Val() <= 0 {
			t.Errorf("%s is kept for ever", key)
		}
	}
}
