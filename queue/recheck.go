package queue

import (
	"context"
	"strconv"
	"strings"
	"time"
)

const (
	recheckEvery = time.Second // a lost reply costs this, never an answer
	recheckBatch = 500
)

// recheck looks at the runs that have been waited for longer than a tick, and
// delivers those that have ended.
func (c *Client) recheck(ctx context.Context) {
	for lane, ids := range c.waiters.overdue(time.Now().Add(-recheckEvery)) {
		for len(ids) > 0 {
			n := min(len(ids), recheckBatch)
			c.recheckSome(ctx, lane, ids[:n])
			ids = ids[n:]
		}
	}
}

func (c *Client) recheckSome(ctx context.Context, l *lane, ids []string) {
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	states, err := statesScript.Run(ctx, c.redis, l.keys.slot(), args...).StringSlice()
	if err != nil || len(states) != len(ids) {
		return // Redis is away; the next tick tries again
	}
	for i, state := range states {
		if state == "" {
			c.waiters.missing(ids[i])
			continue
		}
		c.waiters.found(ids[i])
		if State(state).Terminal() || state == "answered" {
			c.fetch(ctx, ids[i])
		}
	}
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
	if c.full.Swap(full) != full {
		c.cfg.Log.Warn("Redis memory", "over_high_water", full, "used_bytes", used, "limit_bytes", limit)
	}
}

// checkWorkers refuses new work that somebody waits for on queues that nobody
// works on.
func (c *Client) checkWorkers(ctx context.Context) {
	c.lanes.Range(func(_, v any) bool {
		c.checkAge(ctx, v.(*lane))
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
