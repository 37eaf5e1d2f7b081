package queue

import (
	"context"
	"time"
)

const (
	pollInterval = time.Second // a lost reply costs this, never an answer
	pollBatch    = 500
)

// recheck looks at the runs that have been waited for longer than a tick, and
// delivers those that have ended.
func (c *Client) pollOverdue(ctx context.Context) {
	for q, ids := range c.waiters.overdue(time.Now().Add(-pollInterval)) {
		for len(ids) > 0 {
			n := min(len(ids), pollBatch)
			c.pollStates(ctx, q, ids[:n])
			ids = ids[n:]
		}
	}
}

func (c *Client) pollStates(ctx context.Context, q *queueState, ids []string) {
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	states, err := statesScript.Run(ctx, c.redis, q.keys.slot(), args...).StringSlice()
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
