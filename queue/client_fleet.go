package queue

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Worker is a live worker process.
type Worker struct {
	ID string
	About
	Queues   []WorkerQueue
	Seen     time.Time   // time of its last heartbeat
	Draining bool        // claims nothing new
	Runs     []WorkerRun // the runs that it executes, oldest first; at most 1000 of each queue
}

// WorkerQueue is a queue that a worker serves, with its number of slots.
type WorkerQueue struct {
	Queue string
	Slots int
}

// WorkerRun is a run that a worker executes.
type WorkerRun struct {
	ID      string
	Queue   string
	Flow    int64
	Attempt int
	Started time.Time
}

// Slots returns the number of runs that the worker may execute at once.
func (w *Worker) Slots() (n int) {
	for _, q := range w.Queues {
		n += q.Slots
	}
	return n
}

// Workers lists the live workers and their runs, ordered by id. Errors:
// ErrUnavailable.
func (c *Client) Workers(ctx context.Context) ([]Worker, error) {
	queues, err := c.redis.SMembers(ctx, asynqQueues).Result()
	if err != nil {
		return nil, redisError("list queues", err)
	}
	byID := map[string]*Worker{}
	for _, queue := range queues {
		if err := c.listWorkers(ctx, queue, byID); err != nil {
			return nil, err
		}
	}
	out := make([]Worker, 0, len(byID))
	for _, w := range byID {
		slices.SortFunc(w.Queues, func(a, b WorkerQueue) int { return strings.Compare(a.Queue, b.Queue) })
		slices.SortFunc(w.Runs, func(a, b WorkerRun) int { return a.Started.Compare(b.Started) })
		out = append(out, *w)
	}
	slices.SortFunc(out, func(a, b Worker) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// listWorkers adds the workers of one queue.
func (c *Client) listWorkers(ctx context.Context, queue string, byID map[string]*Worker) error {
	pipe := c.redis.Pipeline()
	read := readWorkers(ctx, pipe, queue)
	if _, err := pipe.Exec(ctx); err != nil {
		return redisError("list workers", err)
	}
	read.addTo(byID)
	return c.listWorkerRuns(ctx, queue, byID)
}

// workersRead are the pending replies of the commands that read the workers of one queue.
type workersRead struct {
	queue   string
	beats   *redis.ZSliceCmd
	fleet   *redis.MapStringStringCmd
	drained *redis.StringSliceCmd
}

func readWorkers(ctx context.Context, pipe redis.Pipeliner, queue string) workersRead {
	k := keysOf(queue)
	return workersRead{queue, pipe.ZRangeWithScores(ctx, k.workers(), 0, -1), pipe.HGetAll(ctx, k.fleet()), pipe.SMembers(ctx, k.drain())}
}

// addTo adds the workers to those of other queues.
func (r *workersRead) addTo(byID map[string]*Worker) {
	for _, z := range r.beats.Val() {
		id, _ := z.Member.(string)
		w := byID[id]
		if w == nil {
			w = &Worker{ID: id}
			byID[id] = w
		}
		var e registration // stays empty for a worker without a registration
		if json.Unmarshal([]byte(r.fleet.Val()[id]), &e) == nil {
			w.About = e.About
		}
		w.addSlots(wholeQueue(r.queue), e.Slots)
		if seen := time.UnixMilli(int64(z.Score)); seen.After(w.Seen) {
			w.Seen = seen
		}
		w.Draining = w.Draining || slices.Contains(r.drained.Val(), id)
	}
}

// addSlots adds slots of a queue, of which the worker may serve several shards.
func (w *Worker) addSlots(queue string, slots int) {
	for i := range w.Queues {
		if w.Queues[i].Queue == queue {
			w.Queues[i].Slots += slots
			return
		}
	}
	w.Queues = append(w.Queues, WorkerQueue{queue, slots})
}

// mostWorkerRuns is the maximum number of runs that are listed of a worker and a queue.
const mostWorkerRuns = 1000

// listWorkerRuns adds the runs of one queue to the workers that execute them.
func (c *Client) listWorkerRuns(ctx context.Context, queue string, byID map[string]*Worker) error {
	k, pipe := keysOf(queue), c.redis.Pipeline()
	begun := map[string]*redis.StringSliceCmd{}
	for id := range byID {
		begun[id] = pipe.ZRangeByLex(ctx, k.begun(), &redis.ZRangeBy{Min: "[" + id + " ", Max: "(" + id + "!", Count: mostWorkerRuns})
	}
	if len(begun) == 0 {
		return nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return redisError("list runs of workers", err)
	}
	records := c.redis.Pipeline()
	type found struct {
		worker *Worker
		id     string
		fields *redis.SliceCmd
	}
	var all []found
	for id, members := range begun {
		for _, member := range members.Val() {
			if task := member[len(id)+1:]; len(task) > idLen {
				run := task[:idLen]
				all = append(all, found{byID[id], run, records.HMGet(ctx, k.runPrefix()+run, "spec", "fence", "started")})
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	if _, err := records.Exec(ctx); err != nil {
		return redisError("list runs of workers", err)
	}
	for _, r := range all {
		var f [3]string
		for i, v := range r.fields.Val() {
			f[i], _ = v.(string)
		}
		spec := Spec{}
		if decodeSpec(f[0], &spec) != nil { // it has just been deleted
			continue
		}
		r.worker.Runs = append(r.worker.Runs, WorkerRun{ID: r.id, Queue: wholeQueue(queue), Flow: spec.Flow, Attempt: number(f[1]), Started: micros(f[2])})
	}
	return nil
}

// Drain makes a worker claim nothing new, or, when drain is false, claim again. The
// worker finishes the runs that it has. It reads the setting about every second, so
// it may still claim what arrives before. Errors: ErrNotFound, ErrUnavailable.
func (c *Client) Drain(ctx context.Context, worker string, drain bool) error {
	queues, err := c.redis.SMembers(ctx, asynqQueues).Result()
	if err != nil {
		return redisError("list queues", err)
	}
	found := false
	for _, queue := range queues {
		k := keysOf(queue)
		switch err := c.redis.ZScore(ctx, k.workers(), worker).Err(); {
		case isNil(err):
			continue
		case err != nil:
			return redisError("find worker", err)
		}
		found = true
		change := c.redis.SRem
		if drain {
			change = c.redis.SAdd
		}
		if err := change(ctx, k.drain(), worker).Err(); err != nil {
			return redisError("drain worker", err)
		}
	}
	if !found {
		return ErrNotFound
	}
	return nil
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
