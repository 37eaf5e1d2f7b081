package queue

import (
	"context"
	"time"
)

// Start accepts a run that nobody waits for and returns its id, or that of the
// first one with its guard. It starts at the moment; zero or past: at once.
// Errors: those of Submit.
func (c *Client) Start(ctx context.Context, s Submission, at time.Time) (string, error) {
	wait := time.Until(at)
	if wait <= 0 {
		ticket, err := c.Submit(ctx, s)
		if err != nil {
			return "", err
		}
		defer ticket.Close()
		return ticket.RunID(), nil
	}
	if c.full.Load() {
		return "", ErrFull
	}
	return c.later(ctx, &s, wait)
}

func (c *Client) later(ctx context.Context, s *Submission, wait time.Duration) (string, error) {
	s.Queue = c.cfg.Shards.shardOf(s)
	if s.ID == "" {
		s.ID = NewRunID(s.Queue)
	}
	if s.Accepted.IsZero() {
		s.Accepted = time.Now()
	}
	spec, err := encodeSpec(&s.Spec)
	if err != nil {
		return "", err
	}
	k := keysOf(s.Queue)
	args := []any{s.ID, spec, []byte(s.Event), s.Limit.Milliseconds(), wait.Milliseconds(), s.turn(), "", "", ""}
	if g := s.Guard; g != nil {
		copy(args[6:], []any{guardHash(g.Key), g.Fingerprint, g.Window.Milliseconds()})
	}
	if err := c.redis.SAdd(ctx, asynqQueues, s.Queue).Err(); err != nil {
		return "", redisError("start run later", err)
	}
	id, err := laterScript.Run(ctx, c.redis, k.slot(), args...).Text()
	switch {
	case err != nil:
		return "", redisError("start run later", err)
	case id == "mismatch":
		return "", ErrMismatch
	}
	return id, nil
}
