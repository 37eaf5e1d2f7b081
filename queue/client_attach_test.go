package queue

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

func TestAttachTellsTheEndOfARunOfAnotherDoor(t *testing.T) {
	t.Parallel()
	for _, waited := range []bool{true, false} {
		t.Run(fmt.Sprint("waited for ", waited), func(t *testing.T) {
			t.Parallel()
			tellsTheEnd(t, waited)
		})
	}
}

func tellsTheEnd(t *testing.T, waited bool) {
	r := newTestQueue(t, testenv.Redis(t).URL())
	finish := make(chan struct{})
	r.worker(func(ctx context.Context, a *Attempt) Outcome { <-finish; return echo(ctx, a) })
	s := spec()
	s.Sync = waited
	ticket := r.submit(Submission{Spec: s})
	other := newTestQueue(t, "redis://"+r.redis.(*redis.Client).Options().Addr)
	var tickets []*Ticket
	for range 3 {
		attached, err := other.client.Attach(t.Context(), ticket.RunID())
		if err != nil {
			t.Fatal(err)
		}
		tickets = append(tickets, attached)
	}
	doors := r.redis.HGet(t.Context(), keysOf("default").runPrefix()+ticket.RunID(), "reply").Val()
	if want := r.client.process + "," + other.client.process; doors != want {
		t.Errorf("doors that wait %q, want %q", doors, want)
	}
	tickets[0].Close()
	close(finish)
	r.wait(ticket)
	for _, attached := range tickets[1:] {
		if got := other.wait(attached); got.State != Succeeded || string(got.Output) != `[{"n": 1}]` {
			t.Errorf("result %+v", got)
		}
	}
	if n := other.client.Waiting(); n != 0 {
		t.Errorf("%d runs still waited for", n)
	}
}

func TestAttachToARunThatHasEnded(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	r.worker(echo)
	ticket := r.submit(Submission{Spec: spec()})
	r.wait(ticket)
	attached, err := r.client.Attach(t.Context(), ticket.RunID())
	if err != nil {
		t.Fatal(err)
	}
	if got := r.wait(attached); got.State != Succeeded {
		t.Errorf("result %+v", got)
	}
}

func TestAttachToNoRun(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	r.submit(Submission{Spec: spec()}).Close()
	for _, id := range []string{NewRunID("default"), NewRunID("elsewhere"), "", "x"} {
		if _, err := r.client.Attach(context.Background(), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("attach to %q: %v", id, err)
		}
	}
	if n := r.client.Waiting(); n != 0 {
		t.Errorf("%d waiters left", n)
	}
}

// A run whose caller leaves is cancelled, unless another caller waits for it, here or in another process. An equal request begins it
// anew, whatever happens to the repetitions of a failed run.
func TestARunWhoseCallerLeaves(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	other := newTestQueue(t, "redis://"+r.redis.(*redis.Client).Options().Addr)
	why := []byte(`{"code":"caller_left","message":"m"}`)
	leave := func(id string) {
		t.Helper()
		if _, err := r.client.CancelUnwaited(t.Context(), id, why); err != nil {
			t.Fatal(err)
		}
	}
	for _, failed := range []Repetition{AttachToFailed, RunAgain, TellFailed} {
		s := Submission{Spec: spec(), IdempotencyKey: &IdempotencyKey{Key: fmt.Sprint("k", failed), Window: time.Hour, Failed: failed}}
		first := r.submit(s)
		second := r.submit(s)
		if leave(first.RunID()); second.RunID() != first.RunID() || r.record(first.RunID()).State != Queued {
			t.Errorf("with another caller: %+v", r.record(first.RunID()))
		}
		second.Close()
		if leave(first.RunID()); r.record(first.RunID()).State != Cancelled {
			t.Errorf("without another caller: %+v", r.record(first.RunID()))
		}
		first.Close()
		anew := r.submit(s)
		if anew.Attached() || r.record(first.RunID()).ResumedBy != anew.RunID() {
			t.Errorf("an equal request is attached to the cancelled run %s", anew.RunID())
		}
		elsewhere, err := other.client.Attach(t.Context(), anew.RunID())
		if err != nil {
			t.Fatal(err)
		}
		if leave(anew.RunID()); r.record(anew.RunID()).State != Queued {
			t.Errorf("with a caller of another process: %+v", r.record(anew.RunID()))
		}
		elsewhere.Close()
		anew.Close()
	}
}
