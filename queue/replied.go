package queue

import (
	"context"
	"sync"
	"time"
)

// repliedMost is how many answers a process notes in one tick. A door that
// gives more leaves the rest unnoted: what nobody reads one by one must not
// cost Redis more than this.
const repliedMost = 256

// answers are what doors have answered since the last tick.
type answers struct {
	mu  sync.Mutex
	all []answered // guarded by mu
}

type answered struct {
	run string
	at  time.Time // on this process' clock
}

// Replied notes that who waited for a run has been given its result, now. It
// returns at once: Run writes what was noted within about a second, as far as
// it has room for it, and a process that ends before loses it.
func (c *Client) Replied(id string) {
	now := time.Now()
	c.answers.mu.Lock()
	defer c.answers.mu.Unlock()
	if len(c.answers.all) < repliedMost {
		c.answers.all = append(c.answers.all, answered{id, now})
	}
}

// noteReplies writes what was noted, in one call for each queue. What fails is
// left: it is worth no second try.
func (c *Client) noteReplies(ctx context.Context) {
	c.answers.mu.Lock()
	all := c.answers.all
	c.answers.all = nil
	c.answers.mu.Unlock()
	if len(all) == 0 {
		return
	}
	c.lanes.Range(func(_, v any) bool {
		l := v.(*lane)
		var args []any
		for _, a := range all {
			if onQueue(a.run, l.name) {
				args = append(args, a.run, time.Since(a.at).Microseconds())
			}
		}
		if len(args) == 0 {
			return true
		}
		// Not repeated by itself: how long ago that was would be wrong by then.
		if err := repliedScript.Run(ctx, c.once, l.keys.slot(), args...).Err(); err != nil {
			c.cfg.Log.Debug("note replies", "queue", l.name, "error", err)
		}
		return true
	})
}
