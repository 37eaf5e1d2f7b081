package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/queue"
)

// Every contender is a way to submit; the front door is the same for all.

// plain submits with asynq's client and receives results on one channel of the process.
type plain struct {
	client *asynq.Client
	redis  redis.UniversalClient
	queue  string
	door   string

	mu      sync.Mutex
	waiters map[string]chan queue.Result // guarded by mu
}

func newPlain(ctx context.Context, conn *redisconn.Conn, queueName string) (*plain, error) {
	p := &plain{redis: conn.Client(), queue: queueName, door: "compare:" + uuid.NewString(), waiters: map[string]chan queue.Result{}}
	p.client = asynq.NewClientFromRedisClient(p.redis)
	sub := p.redis.Subscribe(ctx, p.door)
	if _, err := sub.Receive(ctx); err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	go func() {
		for m := range sub.Channel(redis.WithChannelSize(4096)) {
			id, output, _ := strings.Cut(m.Payload, " ")
			p.mu.Lock()
			waiter := p.waiters[id]
			delete(p.waiters, id)
			p.mu.Unlock()
			if waiter != nil {
				waiter <- queue.Result{State: queue.Succeeded, Output: []byte(output)}
			}
		}
	}()
	return p, nil
}

func (p *plain) submit(ctx context.Context, s queue.Submission) (runner.Ticket, error) {
	id := uuid.NewString()
	result := make(chan queue.Result, 1)
	p.mu.Lock()
	p.waiters[id] = result
	p.mu.Unlock()
	payload := append([]byte(p.door+" "), s.Event...)
	_, err := p.client.EnqueueContext(ctx, asynq.NewTask("run", payload), asynq.Queue(p.queue), asynq.TaskID(id))
	if err != nil {
		return nil, err
	}
	return &ticket{id: id, wait: func(ctx context.Context) (queue.Result, error) {
		select {
		case r := <-result:
			return r, nil
		case <-ctx.Done():
			return queue.Result{}, ctx.Err()
		}
	}}, nil
}

// raw pushes to the raw worker and pops its reply.
type raw struct{ push, pop redis.UniversalClient }

func newRaw(conn *redisconn.Conn) *raw {
	return &raw{push: conn.Client(), pop: conn.Blocking(flowLimit, nil)}
}

func (r *raw) submit(ctx context.Context, s queue.Submission) (runner.Ticket, error) {
	id := uuid.NewString()
	reply := "compare:reply:" + id
	if err := r.push.LPush(ctx, rawQueue, reply+" "+string(s.Event)).Err(); err != nil {
		return nil, err
	}
	return &ticket{id: id, wait: func(ctx context.Context) (queue.Result, error) {
		v, err := r.pop.BRPop(ctx, flowLimit, reply).Result()
		if err != nil {
			return queue.Result{}, err
		}
		return queue.Result{State: queue.Succeeded, Output: []byte(v[1])}, nil
	}}, nil
}

// inProcess executes the flow at once, in the API process.
func (p *process) inProcess(ctx context.Context, s queue.Submission) (runner.Ticket, error) {
	return &ticket{id: uuid.NewString(), wait: func(ctx context.Context) (queue.Result, error) {
		output, err := p.execute(ctx, s.Event)
		return queue.Result{State: queue.Succeeded, Output: output}, err
	}}, nil
}

// ticket implements runner.Ticket.
type ticket struct {
	id   string
	wait func(context.Context) (queue.Result, error)
}

func (t *ticket) RunID() string                                  { return t.id }
func (t *ticket) Attached() bool                                 { return false }
func (t *ticket) Wait(ctx context.Context) (queue.Result, error) { return t.wait(ctx) }
func (t *ticket) Close()                                         {}

// penstock submits with the product's client.
func penstock(c *queue.Client) runner.Submit {
	return func(ctx context.Context, s queue.Submission) (runner.Ticket, error) { return c.Submit(ctx, s) }
}

// callThrough submits an event and waits for the run's output.
func callThrough(submit runner.Submit, event []byte) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, flowLimit)
		defer cancel()
		t, err := submit(ctx, queue.Submission{Spec: queue.Spec{
			Flow: 3, Version: "v", Queue: queueName, Principal: "key:compare", Event: event, Limit: flowLimit, Sync: true,
			Accepted: time.Now(),
		}})
		if err != nil {
			return err
		}
		r, err := t.Wait(ctx)
		if err != nil {
			return err
		}
		if r.State != queue.Succeeded || len(r.Output) < 2 {
			return fmt.Errorf("run ended %s: %v", r.State, r.Error)
		}
		return nil
	}
}
