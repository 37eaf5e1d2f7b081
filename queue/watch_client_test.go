package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

// eventLog is a Reporter with the events of an attempt.
type eventLog struct {
	attempt *Attempt
	mu      sync.Mutex
	events  []Event
}

func (d *eventLog) Report(yield func([]Event)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	yield(d.events)
}

func (d *eventLog) step(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := Event{Number: len(d.events) + 1, Kind: "step", Data: json.RawMessage(strconv.Quote(name))}
	d.events = append(d.events, e)
	d.attempt.Publish(e)
}

// stepper is a handler that executes the steps it receives; an empty one ends the run.
func stepper(steps <-chan string, done chan<- struct{}) Handler {
	return func(ctx context.Context, a *Attempt) Outcome {
		d := &eventLog{attempt: a}
		a.Report(d)
		for name := range steps {
			d.step(name)
			done <- struct{}{}
		}
		return echo(ctx, a)
	}
}

func read(t *testing.T, w *Watch, n int) (out []string) {
	t.Helper()
	for range n {
		select {
		case e, open := <-w.Events():
			if !open {
				t.Fatal("the watch ended")
			}
			out = append(out, fmt.Sprintf("%d.%d %s %s", e.Attempt, e.Number, e.Kind, e.Data))
		case <-t.Context().Done():
			t.Fatalf("after %v: %v", out, t.Context().Err())
		}
	}
	return out
}

func TestWatchersSeeWhatHappenedAndWhatHappens(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	steps, done := make(chan string), make(chan struct{})
	ticket := r.submit(Submission{Spec: spec()})
	early, err := r.client.Watch(t.Context(), ticket.RunID()) // before any worker is there
	if err != nil {
		t.Fatal(err)
	}
	r.worker(stepper(steps, done))
	do := func(name string) { steps <- name; <-done }
	do("one")
	do("two")
	other := newTestQueue(t, "redis://"+r.redis.(*redis.Client).Options().Addr)
	late, err := other.client.Watch(t.Context(), ticket.RunID())
	if err != nil {
		t.Fatal(err)
	}
	begun := []string{`1.0 state "running"`, `1.1 step "one"`, `1.2 step "two"`}
	for name, w := range map[string]*Watch{"early": early, "late": late} {
		if got := read(t, w, 3); !slices.Equal(got, begun) {
			t.Errorf("the %s watcher saw %v, want %v", name, got, begun)
		}
	}
	early.Close()
	do("three")
	if got := read(t, late, 1)[0]; got != `1.3 step "three"` {
		t.Errorf("then %s", got)
	}
	close(steps)
	r.wait(ticket)
	select {
	case e := <-early.Events():
		t.Errorf("a closed watch got %+v", e)
	default:
	}
}

func TestNobodyWatchesByDefault(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		if a.HasWatchers() {
			t.Error("a run is watched")
		}
		(&eventLog{attempt: a}).step("unseen")
		return echo(ctx, a)
	})
	r.wait(r.submit(Submission{Spec: spec()}))
	if _, err := r.client.Watch(t.Context(), NewRunID("default")); !errors.Is(err, ErrNotFound) {
		t.Errorf("watch no run: %v", err)
	}
}

func TestASlowWatcherIsCutOff(t *testing.T) {
	t.Parallel()
	var ws subscriptions
	w := &Watch{id: "r", events: make(chan Event, watchBuffer)}
	ws.add(w)
	for i := range watchBuffer + 2 {
		ws.deliver("r\x1f1\x1f" + strconv.Itoa(i) + "\x1fstep\x1f{}")
	}
	n := 0
	for range w.Events() {
		n++
	}
	if n != watchBuffer || len(ws.byRun) != 0 {
		t.Errorf("%d events came before the end; %d runs are still watched", n, len(ws.byRun))
	}
	ws.deliver("not an event")
}

func TestExpiredSubscribersAreRemoved(t *testing.T) {
	t.Parallel()
	w := newWatchRegistry()
	w.subscribe("r", "d")
	w.byRun["r"]["d"].until = w.byRun["r"]["d"].until.Add(-2 * watchTTL)
	w.prune()
	if w.any.Load() || len(w.byRun) != 0 || w.moveTo("r", "d", 1) || w.isBehind("r", "d", 1) {
		t.Error("an expired subscriber is still registered")
	}
}
