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
	args := make([]any, 0, 1+len(ids))
	args = append(args, l.keys.runPrefix())
	for _, id := range ids {
		args = append(args, id)
	}
	states, err := statesScript.Run(ctx, c.redis, []string{l.keys.due()}, args...).StringSlice()
	if err != nil || len(states) != len(ids) {
		return // Redis is away; the next tick tries again
	}
	for i, state := range states {
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

// checkDepth refuses new work for the queues that are too deep.
func (c *Client) checkDepth(ctx context.Context) {
	c.lanes.Range(func(_, v any) bool {
		l := v.(*lane)
		n, err := c.redis.LLen(ctx, l.keys.pending()).Result()
		if err != nil {
			return false
		}
		deep := c.cfg.MaxPending >= 0 && n >= int64(c.cfg.MaxPending)
		if l.deep.Swap(deep) != deep {
			c.cfg.Log.Warn("queue depth", "queue", l.name, "too_deep", deep, "pending", n)
		}
		c.checkAge(ctx, l)
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
