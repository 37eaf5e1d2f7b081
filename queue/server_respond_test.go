package queue

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
)

// responder is a handler that responds early and ends on a signal.
func responder(t *testing.T, answers ...flows.Response) (Handler, chan<- struct{}) {
	finish := make(chan struct{})
	return func(ctx context.Context, a *Attempt) Outcome {
		for _, answer := range answers {
			if err := a.Respond(ctx, answer); err != nil {
				t.Errorf("respond: %v", err)
			}
		}
		<-finish
		return echo(ctx, a)
	}, finish
}

func TestAnEarlyAnswerReachesTheCallerWhileTheRunGoesOn(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	want := flows.Response{Status: 201, Headers: map[string]string{"x-a": "b"}, Body: []byte("\x00early\xff")}
	handler, finish := responder(t, want, flows.Response{Status: 500}) // the first one stands
	r.worker(handler)
	guard := &IdempotencyKey{Key: "k", Window: time.Minute}
	ticket := r.submit(Submission{Spec: spec(), IdempotencyKey: guard})
	got := r.wait(ticket)
	if got.Early == nil || got.State != Running {
		t.Fatalf("result %+v", got)
	}
	if diff := cmp.Diff(want, *got.Early); diff != "" {
		t.Error(diff)
	}
	whole, err := r.client.Attach(t.Context(), ticket.RunID())
	if err != nil {
		t.Fatal(err)
	}
	for _, door := range []*testQueue{r, newTestQueue(t, "redis://"+r.redis.(*redis.Client).Options().Addr)} {
		if again := door.wait(door.submit(Submission{Spec: spec(), IdempotencyKey: guard})); again.Early == nil || again.State != Running {
			t.Errorf("an equal request meanwhile: %+v", again)
		}
	}
	close(finish)
	for _, late := range []func() *Ticket{
		func() *Ticket { return whole },
		func() *Ticket { return r.submit(Submission{Spec: spec(), IdempotencyKey: guard}) },
	} {
		if end := r.wait(late()); end.State != Succeeded || string(end.Output) != `[{"n": 1}]` || end.Early == nil {
			t.Errorf("the end: %+v", end)
		}
	}
}

func TestAnEarlyAnswerIsFoundWhenItsAnnouncementWasLost(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ticket := r.submit(Submission{Spec: spec()})
	r.redis.HSet(t.Context(), keysOf("default").runPrefix()+ticket.RunID(), "reply", "")
	handler, finish := responder(t, flows.Response{Status: 200})
	defer close(finish)
	r.worker(handler)
	if got := r.wait(ticket); got.Early == nil || got.Early.Status != 200 {
		t.Errorf("result %+v", got)
	}
}

func TestAStaleAttemptCannotAnswer(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	answered := make(chan error, 1)
	began := make(chan struct{})
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		close(began)
		<-ctx.Done()
		answered <- a.Respond(context.WithoutCancel(ctx), flows.Response{Status: 200})
		return Outcome{State: Failed}
	})
	ticket := r.submit(Submission{Spec: spec()})
	<-began
	if _, err := r.client.Cancel(t.Context(), ticket.RunID(), nil); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; !errors.Is(err, ErrLost) {
		t.Errorf("respond: %v", err)
	}
	if record, err := r.client.Record(t.Context(), ticket.RunID()); err != nil || record.Early != nil {
		t.Errorf("record %+v, %v", record, err)
	}
}
