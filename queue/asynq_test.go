package queue

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"github.com/penstock/penstock/internal/testenv"
)

// What asynq promises must hold under our waker: these are its own features,
// through its own client and inspector.

// others collects the tasks that are not runs.
func others(handle asynq.HandlerFunc) func(*ServerConfig) {
	return func(c *ServerConfig) { c.Others = handle }
}

func TestScheduledAndRetriedTasksWakeTheWorker(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	var calls atomic.Int64
	done := make(chan struct{})
	r.worker(echo, others(func(context.Context, *asynq.Task) error {
		if calls.Add(1) == 1 {
			return errors.New("once more")
		}
		close(done)
		return nil
	}), func(c *ServerConfig) { c.RetryDelay = func(int, error, *asynq.Task) time.Duration { return 0 } })
	client := asynq.NewClientFromRedisClient(r.redis)
	if _, err := client.Enqueue(asynq.NewTask("tick", nil), asynq.Queue("default"), asynq.ProcessIn(time.Second)); err != nil {
		t.Fatal(err)
	}
	testenv.Receive(t, done, "the second try of the task")
	r.nothingLeft()
}

func TestAPausedQueueWaitsAndGoesOn(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	var runs atomic.Int64
	r.worker(func(ctx context.Context, a *Attempt) Outcome { runs.Add(1); return echo(ctx, a) },
		func(c *ServerConfig) { c.Block = 100 * time.Millisecond })
	inspector := asynq.NewInspectorFromRedisClient(r.redis)
	r.wait(r.submit(Submission{Spec: spec()})) // asynq knows the queue
	if err := inspector.PauseQueue("default"); err != nil {
		t.Fatal(err)
	}
	ticket := r.submit(Submission{Spec: spec()})
	short, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	if _, err := ticket.Wait(short); err == nil || runs.Load() != 1 {
		t.Fatalf("a paused queue ran %d runs", runs.Load())
	}
	if err := inspector.UnpauseQueue("default"); err != nil {
		t.Fatal(err)
	}
	if got := r.wait(ticket); got.State != Succeeded {
		t.Errorf("result %+v", got)
	}
	r.nothingLeft()
}

func TestATaskDeletedWhilePendingLeavesNothing(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ticket := r.submit(Submission{Spec: spec()})
	ctx, k := context.Background(), keysOf("default")
	r.redis.Del(ctx, k.taskPrefix()+taskID(ticket.RunID(), 1)) // deleted: its id is still pending
	r.worker(echo)
	if got := r.wait(r.submit(Submission{Spec: spec()})); got.State != Succeeded {
		t.Errorf("the run behind the deleted task: %+v", got)
	}
	r.eventually("no ids are left", func() bool {
		return r.redis.LLen(ctx, k.pending()).Val()+r.redis.LLen(ctx, k.active()).Val() == 0
	})
}

func TestRunsOnACluster(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Cluster(t).URL())
	for _, queue := range []string{"default", "a", "b", "c"} { // slots on several nodes
		r.worker(echo, func(c *ServerConfig) { c.Queue = queue })
	}
	for _, queue := range []string{"default", "a", "b", "c"} {
		for range 5 {
			s := spec()
			s.Queue = queue
			ticket := r.submit(Submission{Spec: s, IdempotencyKey: &IdempotencyKey{Key: NewRunID(queue), Window: time.Minute}})
			if got := r.wait(ticket); got.State != Succeeded {
				t.Errorf("queue %s: %+v", queue, got)
			}
			if got := time.Since(ticket.since); got > pollInterval {
				t.Errorf("queue %s: the reply was not heard, only found after %v", queue, got)
			}
		}
	}
	r.nothingLeft()
}
