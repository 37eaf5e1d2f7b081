package queue

import (
	"context"
	"errors"
	"fmt"
	"testing"

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
