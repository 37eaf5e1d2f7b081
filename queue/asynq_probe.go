package queue

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

const probeLimit = 5 * time.Second

// probeAsynq lets asynq enqueue, dequeue and complete a task without a Redis, and
// returns an error for a call that shapeOf does not recognise. A later version of
// asynq may make its calls differently, and would then bypass the fences of runs.
func probeAsynq(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	base := redis.NewClient(&redis.Options{Addr: "nowhere:0", MaxRetries: -1})
	base.AddHook(nowhere{})
	defer base.Close()
	const queue = "probe"
	encoder := asynq.NewClientFromRedisClient(&enqueuer{UniversalClient: base})
	message, err := encodeTask(ctx, encoder, queue, placeholderRun, "1", nil)
	if err != nil {
		return fmt.Errorf("this version of asynq enqueues in a way that is not known here: %w", err)
	}
	p := &probe{UniversalClient: base, message: string(message), dequeued: newSignal(), done: newSignal(), end: ctx.Done()}
	server := asynq.NewServerFromRedisClient(p, asynq.Config{
		Concurrency: 1, Queues: map[string]int{queue: 1}, TaskCheckInterval: time.Millisecond, ShutdownTimeout: time.Millisecond,
		Logger: silent{}, LogLevel: asynq.FatalLevel,
	})
	if err := server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { return nil })); err != nil {
		return fmt.Errorf("probe asynq: %w", err)
	}
	defer server.Shutdown()
	defer cancel()
	for _, step := range []struct {
		seen *signal
		what string
	}{{p.dequeued, "takes"}, {p.done, "completes"}} {
		select {
		case <-step.seen.c:
		case <-ctx.Done():
			return fmt.Errorf("this version of asynq %s tasks in a way that is not known here", step.what)
		}
	}
	return nil
}

// probe replaces Redis for a probed asynq server. It contains one task.
type probe struct {
	redis.UniversalClient
	message  string
	once     sync.Once
	dequeued *signal
	done     *signal
	end      <-chan struct{}
}

func (p *probe) EvalSha(ctx context.Context, _ string, keys []string, args ...any) *redis.Cmd {
	switch shapeOf(keys, args) {
	case dequeueShape:
		first := false
		p.once.Do(func() { first = true })
		if first {
			p.dequeued.close()
			return answer(ctx, p.message, nil)
		}
		<-p.end
		return answer(ctx, nil, redis.Nil)
	case doneShape:
		p.done.close()
	}
	return answer(ctx, "OK", nil)
}

// nowhere is a hook under which all commands succeed and no connection is made.
type nowhere struct{}

func (nowhere) DialHook(redis.DialHook) redis.DialHook {
	return func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("probe: there is no Redis")
	}
}

func (nowhere) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(context.Context, redis.Cmder) error { return nil }
}

func (nowhere) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(context.Context, []redis.Cmder) error { return nil }
}

// silent is a logger that discards everything.
type silent struct{}

func (silent) Debug(...any) {}
func (silent) Info(...any)  {}
func (silent) Warn(...any)  {}
func (silent) Error(...any) {}
func (silent) Fatal(...any) {}
