package queue

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/redisconn"
)

// StoredSteps returns what the attempt before this one has stored as Outcome.Steps; nil when none has. It waits while Redis is
// unavailable. Errors: ErrUnavailable, and that of ctx.
func (a *Attempt) StoredSteps(ctx context.Context) ([]byte, error) {
	s := a.server
	if s == nil {
		return nil, nil
	}
	var text []byte
	err := redisconn.RetryUntilDone(ctx, func() (err error) {
		text, err = s.redis.HGet(ctx, s.keys.runPrefix()+a.ID, "steps").Bytes()
		if errors.Is(err, redis.Nil) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, redisError("read steps of run", err)
	}
	return text, nil
}
