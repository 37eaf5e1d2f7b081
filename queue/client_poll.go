package queue

import (
	"context"
	"time"
)

const (
	pollInterval = time.Second // how long a lost reply delays its caller
	pollBatch    = 500
)

// pollOverdue reads the states of the runs that tickets have waited for longer than
// pollInterval, and delivers the results of those that have ended.
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
		return // Redis does not answer; the next tick tries again
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
