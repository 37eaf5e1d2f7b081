package queue

import (
	"context"
	"sync"
	"time"
)

// repliedMost is how many answers a process notes in one tick. A door that
// gives more leaves the rest unnoted: what nobody reads one by one must not
// cost Redis more than this.
const maxDeliveries = 256

// answers are what doors have answered since the last tick.
type deliveries struct {
	mu  sync.Mutex
	all []delivery // guarded by mu
}

type delivery struct {
	run string
	at  time.Time // on this process' clock
}

// Replied notes that who waited for a run has been given its result, now. It
// returns at once: Run writes what was noted within about a second, as far as
// it has room for it, and a process that ends before loses it.
func (c *Client) MarkDelivered(id string) {
	now := time.Now()
	c.deliveries.mu.Lock()
	defer c.deliveries.mu.Unlock()
	if len(c.deliveries.all) < maxDeliveries {
		c.deliveries.all = append(c.deliveries.all, delivery{id, now})
	}
}

// noteReplies writes what was noted, in one call for each queue. What fails is
// left: it is worth no second try.
func (c *Client) writeDeliveries(ctx context.Context) {
	c.deliveries.mu.Lock()
	all := c.deliveries.all
	c.deliveries.all = nil
	c.deliveries.mu.Unlock()
	if len(all) == 0 {
		return
	}
	c.queues.Range(func(_, v any) bool {
		q := v.(*queueState)
		var args []any
		for _, a := range all {
			if onQueue(a.run, q.name) {
				args = append(args, a.run, time.Since(a.at).Microseconds())
			}
		}
		if len(args) == 0 {
			return true
		}
		// Not repeated by itself: how long ago that was would be wrong by then.
		if err := deliveredScript.Run(ctx, c.unretried, q.keys.slot(), args...).Err(); err != nil {
			c.cfg.Log.Debug("note replies", "queue", q.name, "error", err)
		}
		return true
	})
}
