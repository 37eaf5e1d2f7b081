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

// Stats are the figures of a queue, the sum of its shards. Tasks are those of asynq; nearly all of
// them carry runs.
type Stats struct {
	Queue     string
	Shards    int           // number of shards in use; 1: the queue is not spread
	Pending   int64         // tasks that a worker may claim: in asynq's pending list, or in the express list, which is for spare slots
	Active    int64         // runs that workers execute; tasks without a run are not counted
	Open      int64         // runs that have not been settled: pending, active, waiting
	Scheduled int64         // tasks with a start time in the future
	Retry     int64         // tasks that failed and will be repeated
	Archived  int64         // tasks that failed for good
	InLine    int64         // tasks in the lines of flows
	Waiting   int64         // open runs without a task: parked, at a concurrency limit or paused; a few less while runs are settled
	Oldest    time.Duration // waiting time of the next pending task; zero: none is pending
	OldestRun time.Duration // running time of the oldest active attempt; zero: none has lasted longer than two heartbeats, 2 s
	Paused    bool
	Workers   int64 // live workers that serve the queue; of shards, the smallest number

	// What asynq's tools show otherwise.
	Express   int64 // of Pending: tasks of the express list, which asynq does not know
	Visible   int64 // tasks in asynq's list of active ones: runs that have lasted over a heartbeat, and tasks without a run
	Processed int64 // runs that have ended since midnight UTC, and tasks without a run
	Failed    int64 // of Processed: those that failed or timed out
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

// add adds the stats of a shard. A shard that is empty and has no worker is not
// counted: it is not used any more.
func (s *Stats) add(shard Stats) {
	if shard.Workers == 0 && shard.Open+shard.Pending+shard.Active+shard.Scheduled+shard.Retry+shard.Archived == 0 {
		return
	}
	s.Shards += shard.Shards
	s.Pending, s.Active, s.Open = s.Pending+shard.Pending, s.Active+shard.Active, s.Open+shard.Open
	s.Scheduled, s.Retry, s.Archived = s.Scheduled+shard.Scheduled, s.Retry+shard.Retry, s.Archived+shard.Archived
	s.InLine, s.Waiting, s.OldestRun = s.InLine+shard.InLine, s.Waiting+shard.Waiting, max(s.OldestRun, shard.OldestRun)
	s.Express, s.Visible, s.Processed, s.Failed = s.Express+shard.Express, s.Visible+shard.Visible, s.Processed+shard.Processed, s.Failed+shard.Failed
	s.Oldest, s.Workers = max(s.Oldest, shard.Oldest), min(s.Workers, shard.Workers)
	s.Paused = s.Paused || shard.Paused
}

// queueRead are the pending replies of the commands that read one queue.
type queueRead struct {
	keys    keys
	pending *redis.IntCmd
	active  *redis.IntCmd
	visible *redis.IntCmd
	sets    [5]*redis.IntCmd    // due, scheduled, retry, archived, workers
	today   [2]*redis.StringCmd // processed, failed
	paused  *redis.IntCmd
	next    *redis.StringCmd
	since   *redis.StringCmd // nil: nothing is pending
	first   *redis.StringCmd // the attempt that became visible to asynq first
	began   *redis.StringCmd // nil: there is none
	express *redis.IntCmd
	groups  *redis.StringSliceCmd // the lines of flows that wait for their turn
	lines   []*redis.IntCmd
}

func readQueue(ctx context.Context, pipe redis.Pipeliner, name string) queueRead {
	k := keysOf(name)
	l := queueRead{
		keys: k, pending: pipe.LLen(ctx, k.pending()), active: pipe.ZCard(ctx, k.begun()),
		paused: pipe.Exists(ctx, k.paused()), next: pipe.LIndex(ctx, k.pending(), -1),
		visible: pipe.LLen(ctx, k.active()), express: pipe.LLen(ctx, k.express()), groups: pipe.SMembers(ctx, k.groups()),
		first: pipe.LIndex(ctx, k.active(), -1), // beat puts each task before those that are there
	}
	for i, set := range []string{k.due(), k.asynq + "scheduled", k.asynq + "retry", k.asynq + "archived", k.workers()} {
		l.sets[i] = pipe.ZCard(ctx, set)
	}
	for i, figure := range []string{"processed", "failed"} {
		l.today[i] = pipe.Get(ctx, k.countOf(figure, time.Now()))
	}
	return l
}

func (l *queueRead) stats(name string) Stats {
	s := Stats{
		Queue: wholeQueue(name), Shards: 1, Pending: l.pending.Val() + l.express.Val(), Active: l.active.Val(), Open: l.sets[0].Val(),
		Scheduled: l.sets[1].Val(), Retry: l.sets[2].Val(), Archived: l.sets[3].Val(), Workers: l.sets[4].Val(),
		Paused: l.paused.Val() == 1, Express: l.express.Val(), Visible: l.visible.Val(),
	}
	s.Processed, _ = l.today[0].Int64() // absent: none today
	s.Failed, _ = l.today[1].Int64()
	for _, line := range l.lines {
		s.InLine += line.Val()
	}
	s.Waiting = max(0, s.Open-s.Pending-s.Active-s.InLine-s.Scheduled-s.Retry)
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

// Pause stops workers from taking tasks of a queue, as asynq's tools do. Running
// attempts continue. Pausing a paused queue has no effect. Errors: ErrNotFound,
// ErrUnavailable.
func (c *Client) Pause(ctx context.Context, queue string) error {
	return c.eachShard(ctx, queue, func(k keys) error {
		return c.redis.SetNX(ctx, k.paused(), time.Now().Unix(), 0).Err()
	})
}

// Resume ends the pause of a queue. Workers take tasks within ServerConfig.Block.
// Errors: ErrNotFound, ErrUnavailable.
func (c *Client) Resume(ctx context.Context, queue string) error {
	return c.eachShard(ctx, queue, func(k keys) error { return c.redis.Del(ctx, k.paused()).Err() })
}

// eachShard calls change for every known shard of a queue, or for one shard by its name.
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

// Queues lists the known queues, each shard by its own name. Errors: ErrUnavailable.
func (c *Client) Queues(ctx context.Context) ([]string, error) {
	names, err := c.redis.SMembers(ctx, asynqQueues).Result()
	if err != nil {
		return nil, redisError("list queues", err)
	}
	slices.Sort(names)
	return names, nil
}

// Memory returns the bytes that Redis uses and may use; a limit of 0 means none. Of
// a Cluster it returns those of the fullest primary. Errors: ErrUnavailable.
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
