package worker

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
)

func (r *testWorker) submit(version, event string) *queue.Ticket {
	r.t.Helper()
	ticket, err := r.client.Submit(context.Background(), queue.Submission{Spec: queue.Spec{
		Flow: 1, Version: version, Queue: "default", Limit: 20 * time.Second, Event: json.RawMessage(event),
	}})
	if err != nil {
		r.t.Fatal(err)
	}
	return ticket
}

func (r *testWorker) wait(ticket *queue.Ticket) queue.Result {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	result, err := ticket.Wait(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	return result
}

// firstSteps is an Observer that holds runs at their first step, where they are holders of their flow's concurrency
// limit. A run in the state "running" may not have come that far.
type firstSteps struct {
	t       *testing.T
	begun   chan struct{}
	release chan struct{} // closed: runs are not held any more
}

func newFirstSteps(t *testing.T) firstSteps {
	return firstSteps{t, make(chan struct{}), make(chan struct{})}
}

func (f firstSteps) config(c *Config) { c.Observers = []Observer{f} }

// next waits until a run is held.
func (f firstSteps) next() {
	f.t.Helper()
	testenv.Receive(f.t, f.begun, "the first step of a run")
}

func (f firstSteps) Begin(ctx context.Context, _ *queue.Attempt) (context.Context, Observation) {
	return ctx, f
}

func (f firstSteps) Step(ctx context.Context, _ flows.StepStart) (context.Context, func(flows.StepEnd)) {
	select {
	case f.begun <- struct{}{}:
	case <-f.release:
	case <-ctx.Done():
	}
	select {
	case <-f.release:
	case <-ctx.Done():
	}
	return ctx, func(flows.StepEnd) {}
}

func (firstSteps) End(queue.Outcome, error) {}

func TestConcurrencyOfAFlow(t *testing.T) {
	t.Parallel()
	held := newFirstSteps(t)
	r := startWorker(t, map[string]string{
		"reject": "run: {concurrency: {limit: 1, key: '${ .k }', when_full: reject}}\nsteps:\n  - set: {a: 1}",
		"queue":  "run: {concurrency: 1}\nsteps:\n  - delay: 100ms",
		"error":  "run: {concurrency: {limit: 1, key: '${ .k + 1 }'}}\nsteps:\n  - delay: 0s",
	}, held.config)
	first := r.submit("reject", `{"k":"a"}`)
	held.next()
	busy := r.wait(r.submit("reject", `{"k":"a"}`))
	if busy.State != queue.Failed || busy.Error.Code != flows.CodeBusy || busy.Error.Status != http.StatusTooManyRequests {
		t.Errorf("beyond the bound: %+v %+v", busy, busy.Error)
	}
	close(held.release)
	other := r.submit("reject", `{"k":"b"}`)
	tickets := []*queue.Ticket{first, other, r.submit("queue", `{}`), r.submit("queue", `{}`), r.submit("queue", `{}`)}
	for _, ticket := range tickets {
		if got := r.wait(ticket); got.State != queue.Succeeded {
			t.Errorf("%+v %+v", got, got.Error)
		}
	}
	bad := r.wait(r.submit("error", `{"k":"a"}`))
	if bad.State != queue.Failed || bad.Error.Code != flows.CodeExpression || !strings.HasPrefix(bad.Error.Message, "run.concurrency.key: ") {
		t.Errorf("a key that fails: %+v", bad.Error)
	}
}

func TestGates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		head, principal string
		want            []queue.ConcurrencyLimit
	}{
		{"trigger: webhook", "", nil},
		{"trigger: {schedule: '@daily'}", "", nil},
		{"trigger: {schedule: {cron: '@daily', overlap: queue}}", "", []queue.ConcurrencyLimit{{Key: "schedule 9", Max: 1, WhenFull: "queue"}}},
		{"trigger: {schedule: {cron: '@daily', overlap: queue}}", "key:k", nil},
		{"run: {concurrency: {limit: 3, key: '${ $run.principal }', when_full: drop_oldest}}", "key:k", []queue.ConcurrencyLimit{{Key: "flow 9 key:k", Max: 3, WhenFull: "drop_oldest"}}},
	} {
		flow, err := flows.Parse("f.yaml", []byte("flow: 9\n"+c.head+"\nsteps: [{set: {a: 1}}]\n"), steps.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		got, err := concurrencyLimits(t.Context(), flow, flows.Run{Principal: c.principal})
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", c.head, err, diff)
		}
	}
}

// Attempts that park or requeue their run report the reason.
func TestWhyRunsAreParked(t *testing.T) {
	t.Parallel()
	reasons := make(chan string, 100) // more than are parked
	held := newFirstSteps(t)
	var paused atomic.Bool
	r := startWorker(t, map[string]string{
		"limit": "run: {concurrency: 1}\nsteps:\n  - set: {a: 1}",
		"step":  "run: {limit: 1h}\nsteps:\n  - delay: 30m",
	}, func(c *Config) {
		c.Parked = func(_ int64, why string) { reasons <- why }
		c.Paused = func(int64) time.Time {
			if paused.Load() {
				return time.UnixMilli(1000)
			}
			return time.Time{}
		}
	}, held.config)
	wait := func(want string) {
		t.Helper()
		if why := testenv.Receive(t, reasons, "a run that is parked for "+want); why != want {
			t.Errorf("parked for %q, want %q", why, want)
		}
	}
	first := r.submit("limit", `{}`)
	held.next()
	second := r.submit("limit", `{}`)
	wait("limit")
	close(held.release)
	r.wait(first)
	r.wait(second)
	for len(reasons) > 0 { // it may have tried again
		<-reasons
	}
	r.submit("step", `{}`)
	wait("delay")
	paused.Store(true)
	r.submit("step", `{}`)
	wait("pause")
}

// The slots of a worker are reported by queue, with all shards of it.
func TestSlotsByQueue(t *testing.T) {
	t.Parallel()
	conn, err := redisconn.Parse(testenv.Redis(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(Config{
		Redis: conn, Log: slog.New(slog.DiscardHandler), Versions: versions{},
		Queues: map[string]int{"default": 3, "slow": 1}, Shards: queue.Shards{"default": 2}, Slots: 16,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if diff := cmp.Diff(map[string]int{"default": 12, "slow": 4}, w.Slots()); diff != "" {
		t.Errorf("slots (-want +got)\n%s", diff)
	}
}
