package queue

import (
	"context"
	"sync"
	"time"
)

// maxDeliveries is the number of delivery times that a process records per second.
// Further ones are dropped, which bounds the cost for Redis: they are shown for
// single runs only, which nobody reads at such a rate.
const maxDeliveries = 256

// deliveries are the results that were delivered to callers since the last tick.
type deliveries struct {
	mu  sync.Mutex
	all []delivery // guarded by mu
}

type delivery struct {
	run string
	at  time.Time // on this process' clock
}

// MarkDelivered records that a caller has received the result of a run, now. It
// returns at once: Run stores the time within about a second. Times beyond
// maxDeliveries, and those of a process that ends before, are lost.
func (c *Client) MarkDelivered(id string) {
	now := time.Now()
	c.deliveries.mu.Lock()
	defer c.deliveries.mu.Unlock()
	if len(c.deliveries.all) < maxDeliveries {
		c.deliveries.all = append(c.deliveries.all, delivery{id, now})
	}
}

// writeDeliveries stores the recorded times, in one call for each queue. Times
// whose call fails are dropped.
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
		// Without retries: the time since delivery would be wrong in a second call.
		if err := deliveredScript.Run(ctx, c.unretried, q.keys.slot(), args...).Err(); err != nil {
			c.cfg.Log.Debug("store delivery times", "queue", q.name, "error", err)
		}
		return true
	})
}
