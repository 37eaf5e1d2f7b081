package queue

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// checkOldest refuses new synchronous submissions while no worker takes tasks of the queue and its next
// task has waited longer than MaxAge: their callers would wait in vain.
func (c *Client) checkOldest(ctx context.Context, q *queueState) {
	if c.cfg.MaxAge < 0 {
		return
	}
	age, err := c.oldest(ctx, q)
	if err != nil {
		return // Redis does not answer; the next tick tries again
	}
	old := age > c.cfg.MaxAge
	if q.overdue.Swap(old) != old {
		c.cfg.Log.Warn("queue age", "queue", q.name, "too_old", old, "waited", age)
	}
}

// oldest returns how long the next task has waited, by Redis' clock; zero: no task
// is pending, or a worker takes tasks.
func (c *Client) oldest(ctx context.Context, q *queueState) (time.Duration, error) {
	ms, err := oldestWaitScript.Run(ctx, c.redis, q.keys.slot()).Int64()
	if err != nil {
		return 0, redisError("read queue age", err)
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// checkMemory refuses all new submissions while Redis is above MemoryHighWater:
// running work needs the rest of the memory to finish.
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

// checkQueues calls checkOldest for each queue that this process has used.
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
