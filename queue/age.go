package queue

import (
	"context"
	"time"
)

// checkAge refuses new work that somebody waits for while no worker takes tasks and the queue's next
// one has waited too long: its caller would wait for nothing.
func (c *Client) checkAge(ctx context.Context, l *lane) {
	if c.cfg.MaxAge < 0 {
		return
	}
	age, err := c.oldest(ctx, l)
	if err != nil {
		return // Redis is away; the next tick tries again
	}
	old := age > c.cfg.MaxAge
	if l.old.Swap(old) != old {
		c.cfg.Log.Warn("queue age", "queue", l.name, "too_old", old, "waited", age)
	}
}

// oldest is how long the task has waited that comes next, on Redis' clock;
// zero: none is pending, or a worker is there.
func (c *Client) oldest(ctx context.Context, l *lane) (time.Duration, error) {
	ms, err := ageScript.Run(ctx, c.redis, l.keys.slot()).Int64()
	if err != nil {
		return 0, redisError("read queue age", err)
	}
	return time.Duration(ms) * time.Millisecond, nil
}
