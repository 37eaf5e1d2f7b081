package queue

import (
	"context"
	"testing"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

func TestTheProbeKnowsAsynq(t *testing.T) {
	t.Parallel()
	if err := probeAsynq(t.Context()); err != nil {
		t.Error(err)
	}
}

// spy records the shapes of the calls that asynq makes on a real Redis.
type spy struct {
	redis.UniversalClient
	seen chan shape
}

func (s *spy) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	select {
	case s.seen <- shapeOf(keys, args):
	default:
	}
	return s.UniversalClient.EvalSha(ctx, sha, keys, args...)
}

// asynq makes the three calls that are replaced, for each kind of queue name, with
// and without retention, and no other call has their shapes.
func TestTheShapesOfAsynqsCalls(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	for _, queue := range []string{"default", "default~1", "pending", "t"} {
		s := &spy{UniversalClient: server.Client(), seen: make(chan shape, 1000)}
		client := asynq.NewClientFromRedisClient(s)
		if _, err := client.Enqueue(asynq.NewTask("x", nil), asynq.Queue(queue)); err != nil {
			t.Fatal(err)
		}
		if got := <-s.seen; got != enqueueShape {
			t.Errorf("queue %s: enqueue has the shape %d", queue, got)
		}
		inspector := asynq.NewInspectorFromRedisClient(s)
		if _, err := inspector.GetQueueInfo(queue); err != nil {
			t.Fatal(err)
		}
		if err := inspector.PauseQueue(queue); err != nil {
			t.Fatal(err)
		}
		if err := inspector.UnpauseQueue(queue); err != nil {
			t.Fatal(err)
		}
		for len(s.seen) > 0 {
			if got := <-s.seen; got != otherShape {
				t.Errorf("queue %s: a call of the inspector has the shape %d", queue, got)
			}
		}
		worker := asynq.NewServerFromRedisClient(s, asynq.Config{Concurrency: 1, Queues: map[string]int{queue: 1}, TaskCheckInterval: 1, LogLevel: asynq.FatalLevel})
		if err := worker.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { return nil })); err != nil {
			t.Fatal(err)
		}
		dequeued := false
		for {
			got := <-s.seen
			dequeued = dequeued || got == dequeueShape
			if got == doneShape {
				break
			}
		}
		worker.Shutdown()
		if !dequeued {
			t.Errorf("queue %s: no call has the shape of a dequeue", queue)
		}
	}
}
