package queue

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Stats say how a queue is doing. Tasks are asynq's: nearly all of them carry
// runs.
type Stats struct {
	Queue     string
	Pending   int64         // tasks that wait for a worker
	Active    int64         // tasks that a worker has
	Open      int64         // runs that have not been settled: pending, active, waiting
	Scheduled int64         // tasks for later
	Retry     int64         // tasks that failed and come again
	Archived  int64         // tasks that failed for good
	Oldest    time.Duration // how long the pending task has waited that comes next; zero: none
	Paused    bool
	Workers   int64 // live ones that serve the queue
}

// Stats reads the state of every queue, by name, in two round trips. Errors:
// ErrUnavailable.
func (c *Client) Stats(ctx context.Context) ([]Stats, error) {
	names, err := c.redis.SMembers(ctx, asynqQueues).Result()
	if err != nil {
		return nil, redisError("list queues", err)
	}
	slices.Sort(names)
	looks := make([]look, len(names))
	pipe := c.redis.Pipeline()
	for i, name := range names {
		looks[i] = lookAt(ctx, pipe, name)
	}
	if _, err := pipe.Exec(ctx); err != nil && !isNil(err) {
		return nil, redisError("read queues", err)
	}
	since := c.redis.Pipeline()
	for i := range looks {
		if id, err := looks[i].next.Result(); err == nil {
			looks[i].since = since.HGet(ctx, looks[i].keys.taskPrefix()+id, "pending_since")
		}
	}
	if _, err := since.Exec(ctx); err != nil && !isNil(err) {
		return nil, redisError("read queues", err)
	}
	out := make([]Stats, len(looks))
	for i := range looks {
		out[i] = looks[i].stats(names[i])
	}
	return out, nil
}

// look is what was asked of one queue.
type look struct {
	keys    keys
	pending *redis.IntCmd
	active  *redis.IntCmd
	sets    [5]*redis.IntCmd // due, scheduled, retry, archived, workers
	paused  *redis.IntCmd
	next    *redis.StringCmd
	since   *redis.StringCmd // nil: nothing is pending
}

func lookAt(ctx context.Context, pipe redis.Pipeliner, name string) look {
	k := keysOf(name)
	l := look{
		keys: k, pending: pipe.LLen(ctx, k.pending()), active: pipe.LLen(ctx, k.active()),
		paused: pipe.Exists(ctx, k.paused()), next: pipe.LIndex(ctx, k.pending(), -1),
	}
	for i, set := range []string{k.due(), k.asynq + "scheduled", k.asynq + "retry", k.asynq + "archived", k.workers()} {
		l.sets[i] = pipe.ZCard(ctx, set)
	}
	return l
}

func (l *look) stats(name string) Stats {
	s := Stats{
		Queue: name, Pending: l.pending.Val(), Active: l.active.Val(), Open: l.sets[0].Val(),
		Scheduled: l.sets[1].Val(), Retry: l.sets[2].Val(), Archived: l.sets[3].Val(), Workers: l.sets[4].Val(),
		Paused: l.paused.Val() == 1,
	}
	if l.since == nil {
		return s
	}
	if ns, err := strconv.ParseInt(l.since.Val(), 10, 64); err == nil {
		s.Oldest = max(0, time.Since(time.Unix(0, ns))) // by Redis' clock, which may be ahead of ours
	}
	return s
}

func isNil(err error) bool { return errors.Is(err, redis.Nil) }

// Pause stops workers from taking tasks of a queue, as asynq's own tools do.
// What runs goes on. Pausing a paused queue changes nothing. Errors:
// ErrNotFound, ErrUnavailable.
func (c *Client) Pause(ctx context.Context, queue string) error {
	if err := c.exists(ctx, queue); err != nil {
		return err
	}
	if err := c.redis.SetNX(ctx, keysOf(queue).paused(), time.Now().Unix(), 0).Err(); err != nil {
		return redisError("pause queue", err)
	}
	return nil
}

// Resume lets workers take tasks of a queue again: within ServerConfig.Block.
// Errors: ErrNotFound, ErrUnavailable.
func (c *Client) Resume(ctx context.Context, queue string) error {
	if err := c.exists(ctx, queue); err != nil {
		return err
	}
	if err := c.redis.Del(ctx, keysOf(queue).paused()).Err(); err != nil {
		return redisError("resume queue", err)
	}
	return nil
}

func (c *Client) exists(ctx context.Context, queue string) error {
	known, err := c.redis.SIsMember(ctx, asynqQueues, queue).Result()
	if err != nil {
		return redisError("find queue", err)
	}
	if !known {
		return ErrNotFound
	}
	return nil
}
