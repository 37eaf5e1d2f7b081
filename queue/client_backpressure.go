package queue

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// checkAge refuses new work that somebody waits for while no worker takes tasks and the queue's next
// one has waited too long: its caller would wait for nothing.
func (c *Client) checkOldest(ctx context.Context, q *queueState) {
	if c.cfg.MaxAge < 0 {
		return
	}
	age, err := c.oldest(ctx, q)
	if err != nil {
		return // Redis is away; the next tick tries again
	}
	old := age > c.cfg.MaxAge
	if q.overdue.Swap(old) != old {
		c.cfg.Log.Warn("queue age", "queue", q.name, "too_old", old, "waited", age)
	}
}

// oldest is how long the task has waited that comes next, on Redis' clock;
// zero: none is pending, or a worker is there.
func (c *Client) oldest(ctx context.Context, q *queueState) (time.Duration, error) {
	ms, err := oldestWaitScript.Run(ctx, c.redis, q.keys.slot()).Int64()
	if err != nil {
		return 0, redisError("read queue age", err)
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// checkMemory refuses new work while Redis is nearly full: what runs needs the
// rest of it to finish.
func (c *Client) checkMemory(ctx context.Context) {
	info, err := c.redis.Info(ctx, "memory").Result()
	if err != nil {
		return
	}
	used, limit := infoNumber(info, "used_memory"), infoNumber(info, "maxmemory")
	full := limit > 0 && float64(used) > c.cfg.MemoryHighWater*float64(limit)
	if c.memoryFull.Swap(full) != full {
		c.cfg.Log.Warn("Redis memory", "over_high_water", full, "used_bytes", used, "limit_bytes", limit)
	}
}

// checkWorkers refuses new work that somebody waits for on queues that nobody
// works on.
func (c *Client) checkQueues(ctx context.Context) {
	c.queues.Range(func(_, v any) bool {
		c.checkOldest(ctx, v.(*queueState))
		return true
	})
}

func infoNumber(info, name string) int64 {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			return n
		}
	}
	return 0
}
