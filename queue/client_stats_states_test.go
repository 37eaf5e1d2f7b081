package queue

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

// Stats distinguish runs that wait without a task from running ones, and give the
// running time of the oldest and the number of runs of a paused flow.
func TestStatsTellWaitingAndRunning(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	free := make(chan struct{})
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		switch string(a.Event) {
		case "0": // runs on
			select {
			case <-free:
			case <-ctx.Done():
			}
		case "1": // parked
			return Outcome{State: Waiting, Wake: time.Now().Add(time.Hour)}
		default: // held
			if _, err := a.ParkIfPaused(ctx, time.UnixMilli(1000)); err != nil {
				t.Error(err)
			}
			return Outcome{State: Waiting}
		}
		return Outcome{State: Succeeded, Output: []byte("[]")}
	})
	defer close(free)
	r.state(r.submit(numbered(0)).RunID(), Running)
	for _, n := range []int{1, 2, 3} {
		r.state(r.submit(numbered(n)).RunID(), Waiting)
	}
	until(t, "the running time is known", func() bool {
		stats, err := r.client.Stats(t.Context())
		return err == nil && len(stats) == 1 && stats[0].OldestRun > 0
	})
	stats, err := r.client.Stats(t.Context())
	if err != nil || len(stats) != 1 || stats[0].Waiting != 3 || stats[0].Open != 4 || stats[0].OldestRun > time.Minute {
		t.Errorf("%+v, %v", stats, err)
	}
	// A worker of one slot, whose flow's further runs stand in line.
	one := newTestQueue(t, testenv.Redis(t).URL())
	one.worker(func(ctx context.Context, _ *Attempt) Outcome {
		select {
		case <-free:
		case <-ctx.Done():
		}
		return Outcome{State: Succeeded, Output: []byte("[]")}
	}, func(c *ServerConfig) { c.Slots = 1 })
	one.state(one.submit(numbered(0)).RunID(), Running)
	for n := range 40 {
		one.submit(numbered(n))
	}
	if stats, err := one.client.Stats(t.Context()); err != nil || stats[0].InLine == 0 || stats[0].Open != 41 || stats[0].Waiting != 0 {
		t.Errorf("of flows that take turns: %+v, %v", stats, err)
	}
	if err := one.client.Pause(t.Context(), "default"); err != nil { // the worker moves nothing any more
		t.Fatal(err)
	}
	before, err := one.client.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	k := keysOf("default")
	if err := one.redis.LMove(t.Context(), k.pending(), k.express(), "RIGHT", "LEFT").Err(); err != nil {
		t.Fatal(err)
	}
	if stats, err := one.client.Stats(t.Context()); err != nil || stats[0].Pending != before[0].Pending || stats[0].Pending+stats[0].InLine != 40 || stats[0].Waiting != 0 {
		t.Errorf("with a task in the express list: %+v, %v", stats, err)
	}
	held, err := r.client.PausedRuns(t.Context(), []int64{1, 2})
	if err != nil || held[1] != 2 || held[2] != 0 {
		t.Errorf("held %v, %v", held, err)
	}
	used, limit, err := r.client.Memory(t.Context())
	if err != nil || used <= 0 || limit != 0 {
		t.Errorf("memory %d of %d, %v", used, limit, err)
	}
}

// What asynq calls an error is a call that it repeats.
func TestAsynqsErrorsAreWarnings(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	asynqLog{slog.New(slog.NewTextHandler(&b, nil))}.Error("Dequeue error: ", "EOF")
	if !strings.Contains(b.String(), "level=WARN") {
		t.Errorf("%s", b.String())
	}
}
