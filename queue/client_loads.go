package queue

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Load is a worker process with the number of its runs.
type Load struct {
	Worker      // without Runs
	Busy   int  // runs that it executes
	Lost   bool // it has sent no heartbeat for longer than its lease: it was killed, or cannot reach Redis
}

// lostAfter is the age of the last heartbeat of a lost worker. It exceeds the lease, see beat.
const lostAfter = 5 * time.Second

// Loads lists the workers, ordered by host, process and id, in three round trips, whatever their number. Workers that were
// killed are listed until another worker removes them. Errors: ErrUnavailable.
func (c *Client) Loads(ctx context.Context) ([]Load, error) {
	queues, err := c.redis.SMembers(ctx, asynqQueues).Result()
	if err != nil {
		return nil, redisError("list queues", err)
	}
	pipe := c.redis.Pipeline()
	clock := pipe.Time(ctx) // heartbeats have the time of Redis
	reads := make([]workersRead, len(queues))
	for i, queue := range queues {
		reads[i] = readWorkers(ctx, pipe, queue)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, redisError("list workers", err)
	}
	byID := map[string]*Worker{}
	for i := range reads {
		reads[i].addTo(byID)
	}
	busy, err := c.countWorkerRuns(ctx, queues, byID)
	if err != nil {
		return nil, err
	}
	all := make([]Load, 0, len(byID))
	for id, w := range byID {
		slices.SortFunc(w.Queues, func(a, b WorkerQueue) int { return strings.Compare(a.Queue, b.Queue) })
		all = append(all, Load{Worker: *w, Busy: busy[id], Lost: clock.Val().Sub(w.Seen) > lostAfter})
	}
	slices.SortFunc(all, func(a, b Load) int {
		if a.Host != b.Host {
			return strings.Compare(a.Host, b.Host)
		}
		if a.PID != b.PID {
			return a.PID - b.PID
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all, nil
}

// countWorkerRuns counts the runs that each worker executes, in one round trip.
func (c *Client) countWorkerRuns(ctx context.Context, queues []string, byID map[string]*Worker) (map[string]int, error) {
	busy := map[string]int{}
	if len(byID) == 0 {
		return busy, nil
	}
	type counted struct {
		worker string
		n      *redis.IntCmd
	}
	var counts []counted
	pipe := c.redis.Pipeline()
	for _, queue := range queues {
		for id, w := range byID {
			if slices.ContainsFunc(w.Queues, func(q WorkerQueue) bool { return q.Queue == wholeQueue(queue) }) {
				counts = append(counts, counted{id, pipe.ZLexCount(ctx, keysOf(queue).begun(), "["+id+" ", "("+id+"!")})
			}
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, redisError("count runs of workers", err)
	}
	for _, c := range counts {
		busy[c.worker] += int(c.n.Val())
	}
	return busy, nil
}
