package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
)

// waits is a handler whose run needs a result of the journal to go on.
func waits(t *testing.T, parked chan<- *Attempt, within time.Duration) Handler {
	return func(ctx context.Context, a *Attempt) Outcome {
		known, err := a.Journal().Start(ctx, "wait.0", flows.Idempotent)
		if err != nil {
			t.Error(err)
		}
		if known.Result != nil {
			return Outcome{State: Succeeded, Output: known.Result}
		}
		select {
		case parked <- a:
		case <-ctx.Done():
		}
		return Outcome{State: Waiting, Wake: time.Now().Add(within), Steps: []byte(`{"steps":[]}`)}
	}
}

// reaches waits until a run is in a state.
func (r *testQueue) reaches(id string, want State) (record Record) {
	r.t.Helper()
	testenv.Eventually(r.t, func() string {
		var err error
		if record, err = r.client.Record(context.Background(), id); err != nil {
			r.t.Fatal(err)
		}
		if record.State == want {
			return ""
		}
		return fmt.Sprintf("run %s is %s, want %s", id, record.State, want)
	})
	return record
}

func TestACallWakesAParkedRun(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	parked := make(chan *Attempt, 10)
	r.worker(waits(t, parked, time.Hour))
	ticket := r.submit(Submission{Spec: spec()})
	<-parked
	if record := r.reaches(ticket.RunID(), Waiting); string(record.Steps) != `{"steps":[]}` {
		t.Errorf("steps of the parked run: %s", record.Steps)
	}
	called := time.Now()
	if err := r.client.Call(t.Context(), ticket.RunID(), "wait.0", []byte(`{"items":[1]}`)); err != nil {
		t.Fatal(err)
	}
	if got := r.wait(ticket); got.State != Succeeded || string(got.Output) != `{"items":[1]}` {
		t.Errorf("result %+v", got)
	}
	if took := time.Since(called); took > 500*time.Millisecond {
		t.Errorf("the run went on after %v", took)
	}
	if err := r.client.Call(t.Context(), ticket.RunID(), "wait.0", []byte("2")); !errors.Is(err, ErrOver) {
		t.Errorf("a run that has ended is called: %v", err)
	}
	if err := r.client.Call(t.Context(), NewRunID("default"), "wait.0", []byte("2")); !errors.Is(err, ErrNotFound) {
		t.Errorf("a run that never was is called: %v", err)
	}
	r.nothingLeft()
}

// A call that comes before its run has parked keeps it from sleeping; the
// first call counts.
func TestACallBeforeTheRunParks(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	parked := make(chan *Attempt)
	r.worker(waits(t, parked, time.Hour))
	ticket := r.submit(Submission{Spec: spec()})
	r.reaches(ticket.RunID(), Running)
	if err := r.client.Call(t.Context(), ticket.RunID(), "wait.0", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if err := r.client.Call(t.Context(), ticket.RunID(), "wait.0", []byte("2")); !errors.Is(err, ErrCalled) {
		t.Errorf("a second call: %v", err)
	}
	<-parked
	if got := r.wait(ticket); string(got.Output) != "1" {
		t.Errorf("result %+v", got)
	}
	r.nothingLeft()
}

// The time for which a run is parked does not count towards its limit, the
// rest does.
func TestParkedTimeIsNotCounted(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	left := make(chan time.Duration, 3)
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		left <- time.Until(a.Deadline)
		switch a.Number {
		case 1:
			return Outcome{State: Waiting, Wake: time.Now().Add(1500 * time.Millisecond)}
		case 2:
			return Outcome{State: Waiting, Wake: time.Now().Add(-time.Hour)}
		}
		<-ctx.Done()
		return Outcome{State: TimedOut, Error: &flows.Error{Code: flows.CodeTimeout}}
	})
	s := spec()
	s.Limit = time.Second
	ticket := r.submit(Submission{Spec: s})
	got := r.wait(ticket)
	if got.State != TimedOut {
		t.Errorf("result %+v", got)
	}
	for range 3 {
		if d := <-left; d < 500*time.Millisecond || d > time.Second {
			t.Errorf("%v were left", d)
		}
	}
	r.nothingLeft()
}

// A parked run that must not outlive its caller continues at its deadline, which stays.
func TestAParkedRunEndsWithItsLimit(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		if a.Number == 1 {
			return Outcome{State: Waiting, Bound: true}
		}
		<-ctx.Done()
		return Outcome{State: TimedOut, Error: &flows.Error{Code: flows.CodeTimeout}}
	})
	s := spec()
	s.Limit = time.Second
	if got := r.wait(r.submit(Submission{Spec: s})); got.State != TimedOut {
		t.Errorf("result %+v", got)
	}
}

func TestAParkedRunIsCancelled(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	parked := make(chan *Attempt, 1)
	r.worker(waits(t, parked, time.Hour))
	ticket := r.submit(Submission{Spec: spec()})
	<-parked
	r.reaches(ticket.RunID(), Waiting)
	if had, err := r.client.Cancel(t.Context(), ticket.RunID(), []byte("{}")); err != nil || had != Waiting {
		t.Errorf("%v, %v", had, err)
	}
	if got := r.wait(ticket); got.State != Cancelled {
		t.Errorf("result %+v", got)
	}
	r.nothingLeft()
}

// Parking is done once, however often the call is repeated, and only through
// the fence.
func TestParkingThroughTheFence(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	parked := make(chan *Attempt, 1)
	r.worker(waits(t, parked, time.Hour))
	ticket := r.submit(Submission{Spec: spec()})
	a := <-parked
	r.reaches(ticket.RunID(), Waiting)
	o := Outcome{State: Waiting, Wake: time.Now()}
	if ours, err := a.server.park(t.Context(), a, o); err != nil || !ours {
		t.Errorf("a repeated call: %v, %v", ours, err)
	}
	stale := &Attempt{Spec: a.Spec, Number: 7, task: a.task}
	if ours, err := a.server.park(t.Context(), stale, o); err != nil || ours {
		t.Errorf("a stale fence: %v, %v", ours, err)
	}
	r.reaches(ticket.RunID(), Waiting)
}

func TestARunThatStartsLater(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	begun := make(chan time.Time, 2)
	r.worker(func(ctx context.Context, a *Attempt) Outcome { begun <- time.Now(); return echo(ctx, a) })
	s := spec()
	s.Sync = false
	guard := &IdempotencyKey{Key: "g", Fingerprint: "f", Window: time.Minute}
	at := time.Now().Add(1200 * time.Millisecond)
	id, err := r.client.Start(t.Context(), Submission{Spec: s, IdempotencyKey: guard}, at)
	if err != nil {
		t.Fatal(err)
	}
	for _, when := range []time.Time{at, {}} {
		if again, err := r.client.Start(t.Context(), Submission{Spec: s, IdempotencyKey: guard}, when); err != nil || again != id {
			t.Errorf("the same run again: %s, %v", again, err)
		}
	}
	other := &IdempotencyKey{Key: "g", Fingerprint: "other", Window: time.Minute}
	if _, err := r.client.Start(t.Context(), Submission{Spec: s, IdempotencyKey: other}, at); !errors.Is(err, ErrMismatch) {
		t.Errorf("another run with the key: %v", err)
	}
	if record := r.reaches(id, Waiting); record.Attempt != 0 || string(record.Event) != `{"n": 1}` || record.Limit != 20*time.Second {
		t.Errorf("record %+v", record)
	}
	if started := <-begun; started.Before(at.Add(-50*time.Millisecond)) || started.After(at.Add(3*time.Second)) {
		t.Errorf("started %v after its moment", started.Sub(at))
	}
	if record := r.reaches(id, Succeeded); record.Attempt != 1 || !json.Valid(record.Output) {
		t.Errorf("record %+v", record)
	}
	r.nothingLeft()
	if len(begun) > 0 {
		t.Error("it ran twice")
	}
}
