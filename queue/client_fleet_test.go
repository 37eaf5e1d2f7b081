package queue

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/internal/testenv"
)

// until waits for something that other processes bring about.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	testenv.Eventually(t, func() string {
		if done() {
			return ""
		}
		return what
	})
}

func (r *testQueue) workers() []Worker {
	r.t.Helper()
	all, err := r.client.Workers(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

func (r *testQueue) stats(queue string) Stats {
	r.t.Helper()
	all, err := r.client.Stats(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, s := range all {
		if s.Queue == queue {
			return s
		}
	}
	return Stats{}
}

func TestWorkersSayWhoTheyAreAndWhatTheyRun(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	release := make(chan struct{})
	held := func(ctx context.Context, a *Attempt) Outcome {
		<-release
		return echo(ctx, a)
	}
	about := About{Host: "h1", PID: 7, Version: "v1", Started: time.Unix(1795280000, 0).UTC()}
	named := func(c *ServerConfig) { c.ID, c.About, c.Slots = "w1", about, 3 }
	stop := r.worker(held, named)
	stopOther := r.worker(held, named, func(c *ServerConfig) { c.Queue, c.Slots = "slow", 2 })
	until(t, "both queues are listed", func() bool { w := r.workers(); return len(w) == 1 && w[0].Slots() == 5 })
	ticket := r.submit(Submission{Spec: spec()})
	until(t, "the run is listed", func() bool { return len(r.workers()[0].Runs) == 1 })
	w := r.workers()[0]
	if diff := cmp.Diff([]WorkerQueue{{"default", 3}, {"slow", 2}}, w.Queues); diff != "" || w.About != about || w.Draining {
		t.Errorf("worker %+v, queues (-want +got):\n%s", w, diff)
	}
	if run := w.Runs[0]; run.ID != ticket.RunID() || run.Flow != 1 || run.Attempt != 1 || run.Queue != "default" || time.Since(run.Started) > time.Minute {
		t.Errorf("run %+v", run)
	}
	close(release)
	r.wait(ticket)
	stop()
	stopOther()
	if left := r.workers(); len(left) != 0 {
		t.Errorf("stopped workers are listed: %+v", left)
	}
	k := keysOf("default")
	if n := r.redis.Exists(t.Context(), k.fleet(), k.drain()).Val(); n != 0 {
		t.Errorf("%d keys of the stopped worker are left", n)
	}
}

func TestADrainedWorkerTakesNothingNew(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	r.worker(echo, func(c *ServerConfig) { c.ID, c.Block = "w1", 50*time.Millisecond })
	r.wait(r.submit(Submission{Spec: spec()}))
	if err := r.client.Drain(t.Context(), "w2", true); !errors.Is(err, ErrNotFound) {
		t.Errorf("draining a worker that is not there: %v", err)
	}
	if err := r.client.Drain(t.Context(), "w1", true); err != nil {
		t.Fatal(err)
	}
	until(t, "the worker is shown as draining", func() bool { return r.workers()[0].Draining })
	// It looks every second and may take what comes in its last wait.
	var ticket *Ticket
	until(t, "a run stays where it is", func() bool {
		ticket = r.submit(Submission{Spec: spec()})
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := ticket.Wait(ctx)
		return err != nil
	})
	if s := r.stats("default"); s.Pending != 1 || s.Oldest <= 0 || s.Workers != 1 {
		t.Errorf("the queue of a drained worker: %+v", s)
	}
	if err := r.client.Drain(t.Context(), "w1", false); err != nil {
		t.Fatal(err)
	}
	if result := r.wait(ticket); result.State != Succeeded {
		t.Errorf("after the drain the run %v", result.State)
	}
}

func TestAPausedQueueHoldsItsRuns(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ctx := t.Context()
	if err := r.client.Pause(ctx, "nowhere"); !errors.Is(err, ErrNotFound) {
		t.Errorf("pausing a queue that is not there: %v", err)
	}
	r.worker(echo, func(c *ServerConfig) { c.Block = 50 * time.Millisecond })
	r.wait(r.submit(Submission{Spec: spec()}))
	for range 2 { // the second time changes nothing
		if err := r.client.Pause(ctx, "default"); err != nil {
			t.Fatal(err)
		}
	}
	ticket := r.submit(Submission{Spec: spec()})
	waiting, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	if result, err := ticket.Wait(waiting); err == nil {
		t.Errorf("a run of a paused queue %v", result.State)
	}
	if s := r.stats("default"); !s.Paused || s.Pending != 1 || s.Open != 1 {
		t.Errorf("a paused queue: %+v", s)
	}
	if err := r.client.Resume(ctx, "default"); err != nil {
		t.Fatal(err)
	}
	r.wait(ticket)
	r.nothingLeft()
	if s := r.stats("default"); s.Paused || s.Pending != 0 || s.Oldest != 0 {
		t.Errorf("a resumed queue: %+v", s)
	}
}

// The registration of a dead worker is removed with the worker.
func TestTheDeadAreForgotten(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	k := keysOf("default")
	r.redis.HSet(t.Context(), k.fleet(), "gone", `{"host":"h"}`)
	r.redis.SAdd(t.Context(), k.drain(), "gone")
	r.worker(echo, func(c *ServerConfig) { c.ID = "w1" })
	until(t, "the dead worker is forgotten", func() bool {
		return !r.redis.HExists(t.Context(), k.fleet(), "gone").Val() && r.redis.Exists(t.Context(), k.drain()).Val() == 0
	})
	if w := r.workers(); len(w) != 1 || w[0].ID != "w1" {
		t.Errorf("workers %+v", w)
	}
}
