package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Stats say how a queue is doing, all its shards together. Tasks are asynq's: nearly all of them carry
// runs.
type Stats struct {
	Queue     string
	Shards    int           // over which it is spread; 1: it is not
	Pending   int64         // tasks that wait for a worker
	Active    int64         // tasks that a worker has
	Open      int64         // runs that have not been settled: pending, active, waiting
	Scheduled int64         // tasks for later
	Retry     int64         // tasks that failed and come again
	Archived  int64         // tasks that failed for good
	InLine    int64         // tasks whose flow waits for its turn
	Waiting   int64         // open runs without a task: parked, at a concurrency limit or held; while runs are settled, a few less
	Oldest    time.Duration // how long the pending task has waited that comes next; zero: none
	OldestRun time.Duration // how long the oldest active attempt has run; zero: none
	Paused    bool
	Workers   int64 // live ones that serve the queue; of shards, the one that has fewest
}

// Stats reads the state of every queue, by name, in two round trips. Errors:
// ErrUnavailable.
func (c *Client) Stats(ctx context.Context) ([]Stats, error) {
	names, err := c.redis.SMembers(ctx, asynqQueues).Result()
	if err != nil {
		return nil, redisError("list queues", err)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(strings.Compare(wholeQueue(a), wholeQueue(b)), strings.Compare(a, b))
	})
	looks := make([]queueRead, len(names))
	pipe := c.redis.Pipeline()
	for i, name := range names {
		looks[i] = readQueue(ctx, pipe, name)
	}
	if _, err := pipe.Exec(ctx); err != nil && !isNil(err) {
		return nil, redisError("read queues", err)
	}
	since := c.redis.Pipeline()
	for i := range looks {
		if id, err := looks[i].next.Result(); err == nil {
			looks[i].since = since.HGet(ctx, looks[i].keys.taskPrefix()+id, "pending_since")
		}
		if id, err := looks[i].first.Result(); err == nil && len(id) > idLen { // else a task that carries no run
			looks[i].began = since.HGet(ctx, looks[i].keys.runPrefix()+id[:idLen], "started")
		}
		for _, line := range looks[i].groups.Val() {
			looks[i].lines = append(looks[i].lines, since.ZCard(ctx, looks[i].keys.groupPrefix()+line))
		}
	}
	if _, err := since.Exec(ctx); err != nil && !isNil(err) {
		return nil, redisError("read queues", err)
	}
	var out []Stats
	for i := range looks {
		s := looks[i].stats(names[i])
		if n := len(out); n > 0 && out[n-1].Queue == s.Queue {
			out[n-1].add(s)
		} else {
			out = append(out, s)
		}
	}
	return out, nil
}

// add makes a shard's stats part of its queue's. A shard that is empty and
// served by nobody is one that is not used any more.
func (s *Stats) add(shard Stats) {
	if shard.Workers == 0 && shard.Open+shard.Pending+shard.Active+shard.Scheduled+shard.Retry+shard.Archived == 0 {
		return
	}
	s.Shards += shard.Shards
	s.Pending, s.Active, s.Open = s.Pending+shard.Pending, s.Active+shard.Active, s.Open+shard.Open
	s.Scheduled, s.Retry, s.Archived = s.Scheduled+shard.Scheduled, s.Retry+shard.Retry, s.Archived+shard.Archived
	s.InLine, s.Waiting, s.OldestRun = s.InLine+shard.InLine, s.Waiting+shard.Waiting, max(s.OldestRun, shard.OldestRun)
	s.Oldest, s.Workers = max(s.Oldest, shard.Oldest), min(s.Workers, shard.Workers)
	s.Paused = s.Paused || shard.Paused
}

// look is what was asked of one queue.
type queueRead struct {
	keys    keys
	pending *redis.IntCmd
	active  *redis.IntCmd
	sets    [5]*redis.IntCmd // due, scheduled, retry, archived, workers
	paused  *redis.IntCmd
	next    *redis.StringCmd
	since   *redis.StringCmd // nil: nothing is pending
	first   *redis.StringCmd // the task that became active first
	began   *redis.StringCmd // nil: nothing is active
	express *redis.IntCmd
	groups  *redis.StringSliceCmd // the lines of flows that wait for their turn
	lines   []*redis.IntCmd
}

func readQueue(ctx context.Context, pipe redis.Pipeliner, name string) queueRead {
	k := keysOf(name)
	l := queueRead{
		keys: k, pending: pipe.LLen(ctx, k.pending()), active: pipe.LLen(ctx, k.active()),
		paused: pipe.Exists(ctx, k.paused()), next: pipe.LIndex(ctx, k.pending(), -1),
		express: pipe.LLen(ctx, k.express()), groups: pipe.SMembers(ctx, k.groups()),
		first: pipe.LIndex(ctx, k.active(), -1), // claim puts each task before those that are active already
	}
	for i, set := range []string{k.due(), k.asynq + "scheduled", k.asynq + "retry", k.asynq + "archived", k.workers()} {
		l.sets[i] = pipe.ZCard(ctx, set)
	}
	return l
}

func (l *queueRead) stats(name string) Stats {
	s := Stats{
		Queue: wholeQueue(name), Shards: 1, Pending: l.pending.Val(), Active: l.active.Val(), Open: l.sets[0].Val(),
		Scheduled: l.sets[1].Val(), Retry: l.sets[2].Val(), Archived: l.sets[3].Val(), Workers: l.sets[4].Val(),
		Paused: l.paused.Val() == 1,
	}
	for _, line := range l.lines {
		s.InLine += line.Val()
	}
	s.Waiting = max(0, s.Open-s.Pending-l.express.Val()-s.Active-s.InLine-s.Scheduled-s.Retry)
	if l.began != nil {
		if started := micros(l.began.Val()); !started.IsZero() {
			s.OldestRun = max(0, time.Since(started)) // by Redis' clock, which may be ahead of ours
		}
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
	return c.eachShard(ctx, queue, func(k keys) error {
		return c.redis.SetNX(ctx, k.paused(), time.Now().Unix(), 0).Err()
	})
}

// Resume lets workers take tasks of a queue again: within ServerConfig.Block.
// Errors: ErrNotFound, ErrUnavailable.
func (c *Client) Resume(ctx context.Context, queue string) error {
	return c.eachShard(ctx, queue, func(k keys) error { return c.redis.Del(ctx, k.paused()).Err() })
}

// eachShard changes every shard of a queue that there is, or one by its name.
func (c *Client) eachShard(ctx context.Context, queue string, change func(keys) error) error {
	names, err := c.redis.SMembers(ctx, asynqQueues).Result()
	if err != nil {
		return redisError("find queue", err)
	}
	found := false
	for _, name := range names {
		if name != queue && wholeQueue(name) != queue {
			continue
		}
		found = true
		if err := change(keysOf(name)); err != nil {
			return redisError("change queue", err)
		}
	}
	if !found {
		return ErrNotFound
	}
	return nil
}

// Queues lists the queues that there are, each shard by its own name. Errors: ErrUnavailable.
func (c *Client) Queues(ctx context.Context) ([]string, error) {
	names, err := c.redis.SMembers(ctx, asynqQueues).Result()
	if err != nil {
		return nil, redisError("list queues", err)
	}
	slices.Sort(names)
	return names, nil
}

// Memory is how many bytes Redis uses and may use, 0: there is no limit. Of a
// Cluster it is the primary that is fullest. Errors: ErrUnavailable.
func (c *Client) Memory(ctx context.Context) (used, limit int64, err error) {
	cluster, ok := c.redis.(*redis.ClusterClient)
	if !ok {
		return memoryOf(ctx, c.redis)
	}
	var mu sync.Mutex // the primaries are asked at once
	err = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		u, l, err := memoryOf(ctx, node)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if l*used <= u*limit || limit == 0 {
			used, limit = u, l
		}
		return nil
	})
	if err != nil {
		return 0, 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return used, limit, nil
}

func memoryOf(ctx context.Context, node redis.Cmdable) (used, limit int64, err error) {
	info, err := node.Info(ctx, "memory").Result()
	if err != nil {
		return 0, 0, redisError("read memory", err)
	}
	return infoNumber(info, "used_memory"), infoNumber(info, "maxmemory"), nil
}
