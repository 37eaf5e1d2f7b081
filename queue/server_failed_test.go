package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
)

func failingAttempt(_ context.Context, _ *Attempt) Outcome {
	return Outcome{State: Failed, Error: &flows.Error{Code: "x", Message: "it failed"}}
}

// failedTo makes a worker hand failed runs to a channel.
func failedTo(seen chan<- string) func(*ServerConfig) {
	return func(c *ServerConfig) {
		c.Failed = func(_ context.Context, runs []string) error {
			for _, run := range runs {
				seen <- run
			}
			return nil
		}
	}
}

// Each run that failed is handled by one worker, once; those that succeeded or were cancelled are not.
func TestFailedRunsAreHandledOnce(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	seen := make(chan string, 100)
	handler := func(ctx context.Context, a *Attempt) Outcome {
		switch string(a.Event) {
		case `"cancel"`:
			return Outcome{State: Cancelled, Error: &flows.Error{Code: flows.CodeCancelled, Message: "cancelled"}}
		case `"late"`:
			return Outcome{State: TimedOut, Error: &flows.Error{Code: flows.CodeTimeout, Message: "late"}}
		case `"fail"`:
			return failingAttempt(ctx, a)
		}
		return echo(ctx, a)
	}
	for range 2 {
		r.worker(handler, failedTo(seen))
	}
	var want []string
	for i, event := range []string{`"cancel"`, `"late"`, `"fail"`, `"succeed"`, `"fail"`} {
		s := spec()
		s.Event, s.Sync = []byte(event), i%2 == 0
		ticket := r.submit(Submission{Spec: s})
		if state := r.wait(ticket).State; state == Failed || state == TimedOut {
			want = append(want, ticket.RunID())
		}
	}
	var got []string
	for range want {
		got = append(got, testenv.Receive(t, seen, "a failed run"))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("handled %v, want %v", got, want)
	}
	testenv.Eventually(t, func() string {
		if n := r.redis.XLen(t.Context(), keysOf("default").failed()).Val(); n != 0 {
			return fmt.Sprint(n, " entries are left")
		}
		return ""
	})
	if len(seen) > 0 {
		t.Errorf("%s was handled again", <-seen)
	}
}

// Runs that a lost worker has taken, or could not handle, are handled by another one.
func TestFailedRunsOfALostWorkerAreHandled(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	stop := r.worker(failingAttempt)
	run := r.submit(Submission{Spec: spec()})
	r.wait(run)
	r.nothingLeft()
	stop()

	ctx := t.Context()
	s, err := NewServer(ServerConfig{Redis: r.conn, Log: r.client.cfg.Log, Queue: "default", ID: "lost", Slots: 1, Handler: echo})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	down := errors.New("the store is away")
	s.cfg.Failed = func(context.Context, []string) error { return down }
	take := func() error {
		if _, err := s.handleFailed(ctx); err != nil { // the first call makes the group
			return err
		}
		_, err := s.handleFailed(ctx)
		return err
	}
	if err := take(); !errors.Is(err, down) {
		t.Fatalf("the handler's error is lost: %v", err)
	}
	var handled []string
	s.cfg.Failed = func(_ context.Context, runs []string) error { handled = append(handled, runs...); return nil }
	if err := take(); err != nil || len(handled) > 0 {
		t.Errorf("handled %v before the pause, %v", handled, err)
	}
	// The time for which the entry is with the lost worker passes.
	entries, err := r.redis.XPendingExt(ctx, &redis.XPendingExtArgs{Stream: s.keys.failed(), Group: failedGroup, Start: "-", End: "+", Count: 10}).Result()
	if err != nil || len(entries) != 1 {
		t.Fatalf("pending: %v, %v", entries, err)
	}
	err = r.redis.Do(ctx, "XCLAIM", s.keys.failed(), failedGroup, failedConsumer, 0, entries[0].ID, "IDLE", (failedRetry + time.Second).Milliseconds()).Err()
	if err != nil {
		t.Fatal(err)
	}
	if err := take(); err != nil || !slices.Equal(handled, []string{run.RunID()}) {
		t.Errorf("handled %v, %v", handled, err)
	}
	if n := r.redis.XLen(ctx, s.keys.failed()).Val(); n != 0 {
		t.Errorf("%d entries are left", n)
	}
}

// The stream is cut where no worker reads it.
func TestTheStreamOfFailedRunsIsBounded(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	fill := `for i = 1, 110000 do redis.call("XADD", KEYS[1], "*", "run", i) end return 1`
	s.arrange("ended")
	s.c.HSet(ctx, s.keys.runPrefix()+s.id, "state", "failed")
	if err := s.c.Eval(ctx, fill, []string{s.keys.failed()}).Err(); err != nil {
		t.Fatal(err)
	}
	s.run(settleScript, "2026-01-01", 4102444800, s.id, "")
	if n := s.c.XLen(ctx, s.keys.failed()).Val(); n < 100_000 || n > 101_000 {
		t.Errorf("%d entries", n)
	}
	if last := s.c.XRevRangeN(ctx, s.keys.failed(), "+", "-", 1).Val(); last[0].Values["run"] != s.id {
		t.Errorf("the last entry is %v", last)
	}
}
