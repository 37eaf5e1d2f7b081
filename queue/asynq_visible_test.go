package queue

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/hibiken/asynq"

	"github.com/penstock/penstock/internal/testenv"
)

func TestARunThatLastsIsVisibleToAsynq(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	release := make(chan struct{})
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		<-release
		return echo(ctx, a)
	})
	inspector := asynq.NewInspectorFromRedisClient(r.redis)
	ticket := r.submit(Submission{Spec: spec()})
	task := taskID(ticket.RunID(), 1)
	until(t, "asynq's worker is at work on the task", func() bool {
		servers, err := inspector.Servers()
		return err == nil && len(servers) == 1 && len(servers[0].ActiveWorkers) == 1 && servers[0].ActiveWorkers[0].TaskID == task
	})
	if info, err := inspector.GetTaskInfo("default", task); err != nil || info.State != asynq.TaskStateActive {
		t.Errorf("task %+v, %v; want it active", info, err)
	}
	close(release)
	if result := r.wait(ticket); result.State != Succeeded {
		t.Errorf("run ended %s", result.State)
	}
	until(t, "asynq's worker is free", func() bool {
		servers, err := inspector.Servers()
		return err == nil && len(servers) == 1 && len(servers[0].ActiveWorkers) == 0
	})
	r.nothingLeft()
}

// asynq's tools show a queue with a stopped run: its task is stored as long as it is listed.
func TestAStoppedRunStaysListed(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	inspector := asynq.NewInspectorFromRedisClient(r.redis)
	ticket := r.submit(Submission{Spec: spec()})
	if _, err := r.client.Cancel(context.Background(), ticket.RunID(), []byte(`{"code":"cancelled"}`)); err != nil {
		t.Fatal(err)
	}
	if info, err := inspector.GetQueueInfo("default"); err != nil || info.Pending != 1 {
		t.Errorf("the queue is %+v, %v", info, err)
	}
	if tasks, err := inspector.ListPendingTasks("default"); err != nil || len(tasks) != 1 {
		t.Errorf("pending tasks %v, %v", tasks, err)
	}
	r.worker(echo)
	r.nothingLeft()
}

// An attempt that was visible to asynq is delivered again and ends before its second
// heartbeat, as after a failover of Redis, or a restart of its worker.
func TestARedeliveredAttemptLeavesAsynq(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ctx, first, release := context.Background(), make(chan *Attempt, 1), make(chan struct{})
	defer close(release)
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		if !a.redelivered {
			first <- a
			<-release
		}
		return echo(ctx, a)
	})
	ticket := r.submit(Submission{Spec: spec()})
	a := <-first
	until(t, "the attempt is visible", func() bool { return r.redis.LLen(ctx, "asynq:{default}:active").Val() == 1 })
	a.server.inFlight.remove(a)
	a.server.claims.replyLost.Store(true)
	if err := a.server.claims.startSession(ctx); err != nil {
		t.Fatal(err)
	}
	if result := r.wait(ticket); result.State != Succeeded {
		t.Errorf("run ended %s", result.State)
	}
	r.nothingLeft()
}

func TestNoMoreRunsAtOnceThanSlots(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	const slots, runs = 3, 40
	var now, most atomic.Int64
	release := make(chan struct{})
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-release
		return echo(ctx, a)
	}, func(c *ServerConfig) { c.Slots = slots })
	var tickets []*Ticket
	for range runs {
		tickets = append(tickets, r.submit(Submission{Spec: spec()}))
	}
	until(t, "every slot is taken", func() bool { return now.Load() == slots })
	close(release)
	for _, ticket := range tickets {
		r.wait(ticket)
	}
	if n := most.Load(); n != slots {
		t.Errorf("%d runs at once in %d slots", n, slots)
	}
}
