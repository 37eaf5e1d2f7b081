package queue

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

// What asynq's command line and asynqmon ask and do, through the inspector
// that both are made of.
func TestAsynqsToolsWorkOnOurQueues(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	tools := asynq.NewInspectorFromRedisClient(r.redis)
	begun, release := make(chan string, 8), make(chan struct{})
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		begun <- a.ID
		<-release
		return echo(ctx, a)
	}, func(c *ServerConfig) { c.Slots = 1 })
	running := r.submit(Submission{Spec: spec()})
	<-begun
	until(t, "asynq sees the run that lasts", func() bool {
		active, err := tools.ListActiveTasks("default")
		return err == nil && len(active) == 1
	})
	waiting := r.submit(Submission{Spec: spec()})

	queues, err := tools.Queues() // asynq queue ls
	if diff := cmp.Diff([]string{"default"}, queues); err != nil || diff != "" {
		t.Errorf("queues: %v (-want +got):\n%s", err, diff)
	}
	info, err := tools.GetQueueInfo("default") // asynq queue inspect
	if err != nil || info.Pending != 1 || info.Active != 1 || info.Size != 2 {
		t.Errorf("queue: %+v, %v", info, err)
	}
	pending, err := tools.ListPendingTasks("default") // asynq task ls
	if err != nil || len(pending) != 1 || string(pending[0].Payload) != waiting.RunID() || pending[0].Type != TaskType {
		t.Errorf("pending: %+v, %v", pending, err)
	}
	if stats, err := r.client.Stats(t.Context()); err != nil || stats[0].Visible != int64(info.Active) || stats[0].Pending-stats[0].Express != int64(info.Pending) || stats[0].Active != 1 {
		t.Errorf("our figures: %+v, %v", stats, err)
	}
	active, err := tools.ListActiveTasks("default")
	if err != nil || len(active) != 1 || string(active[0].Payload) != running.RunID() || active[0].IsOrphaned {
		t.Errorf("active: %+v, %v", active, err)
	}
	until(t, "the server is listed", func() bool { // asynq server ls; it reports itself beside its first task
		servers, err := tools.Servers()
		return err == nil && len(servers) == 1 && servers[0].Queues["default"] == 1
	})
	// Somebody deletes the task of a run: the run does not depend on it.
	if err := tools.DeleteTask("default", pending[0].ID); err != nil { // asynq task delete
		t.Fatal(err)
	}
	r.redis.ZAdd(t.Context(), keysOf("default").due(), redis.Z{Member: waiting.RunID()})
	close(release)
	for _, ticket := range []*Ticket{running, waiting} {
		if result := r.wait(ticket); result.State != Succeeded {
			t.Errorf("run %s %s", ticket.RunID(), result.State)
		}
	}
	r.nothingLeft()
	stats, err := r.client.Stats(t.Context())
	if err != nil || len(stats) != 1 {
		t.Fatalf("stats: %+v, %v", stats, err)
	}
	history, err := tools.History("default", 1) // asynq queue history
	if s := stats[0]; err == nil && (s.Processed != int64(history[0].Processed) || s.Failed != int64(history[0].Failed)) {
		t.Errorf("our figures of the day are %d and %d, asynq's %+v", s.Processed, s.Failed, history[0])
	}
	if err != nil || len(history) != 1 || history[0].Processed < 2 {
		t.Errorf("history: %+v, %v", history, err)
	}
}

// The task of a run is found under the id that asynq has for it, and not once the run has ended.
func TestTheTaskOfARun(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	tools := asynq.NewInspectorFromRedisClient(r.redis)
	ticket := r.submit(Submission{Spec: spec()})
	record, err := r.client.Record(t.Context(), ticket.RunID())
	if err != nil {
		t.Fatal(err)
	}
	queue, id, err := r.client.Task(t.Context(), &record)
	if err != nil {
		t.Fatal(err)
	}
	if task, err := tools.GetTaskInfo(queue, id); err != nil || string(task.Payload) != ticket.RunID() {
		t.Errorf("task %s of queue %s: %+v, %v", id, queue, task, err)
	}
	r.worker(echo)
	r.wait(ticket)
	if record, err = r.client.Record(t.Context(), ticket.RunID()); err != nil {
		t.Fatal(err)
	}
	if _, id, err := r.client.Task(t.Context(), &record); !errors.Is(err, ErrNotFound) {
		t.Errorf("a run that has ended has task %s, %v", id, err)
	}
}
