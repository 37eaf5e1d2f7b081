package queue

import (
	"context"
	"time"
)

// Attach waits for the end of a run that was accepted before, by any door. An
// answer that the flow gives early does not end the wait. Errors: ErrNotFound,
// ErrUnavailable.
func (c *Client) Attach(ctx context.Context, id string) (*Ticket, error) {
	queues, err := c.queuesOf(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, queue := range queues {
		t, err := c.attach(ctx, queue, id)
		if t != nil || err != nil {
			return t, err
		}
	}
	return nil, ErrNotFound
}

// attach registers before it asks, so that an end in between is not missed;
// nil without an error: the run is not on this queue.
func (c *Client) attach(ctx context.Context, queue, id string) (*Ticket, error) {
	lane, err := c.lane(ctx, queue)
	if err != nil {
		return nil, err
	}
	t := &Ticket{client: c, lane: lane, id: id, attached: true, whole: true, accepted: true, result: make(chan Result, 1), since: time.Now()}
	c.waiters.register(t)
	state, err := attachScript.Run(ctx, c.redis, lane.keys.slot(), id, c.door).Text()
	switch {
	case err != nil:
		t.Close()
		return nil, redisError("attach to run", err)
	case state == "":
		t.Close()
		return nil, nil
	case State(state).Terminal():
		c.fetch(ctx, id)
	}
	return t, nil
}
