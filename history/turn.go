package history

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// The Redis keys. Each is a STRING, the process whose turn it is. TTL: turnTTL.
const (
	keyArchiver    = "penstock:history:archiver" // to copy runs
	keyLogArchiver = "penstock:history:logs"     // to copy entries of logs

	turnTTL = 15 * time.Second
)

// turn lets one process of the fleet do something at a time. That two do it for a moment is possible.
type turn struct {
	redis   redis.UniversalClient
	key     string
	process string
}

// take reports whether it is the turn of this process, and extends it.
func (t turn) take(ctx context.Context) (bool, error) {
	taken, err := t.redis.SetNX(ctx, t.key, t.process, turnTTL).Result()
	if err != nil || taken {
		return taken, err
	}
	if of, err := t.redis.Get(ctx, t.key).Result(); err != nil || of != t.process {
		if errors.Is(err, redis.Nil) {
			err = nil
		}
		return false, err
	}
	return true, t.redis.PExpire(ctx, t.key, turnTTL).Err()
}

// end gives the turn to another process at once.
func (t turn) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if of, err := t.redis.Get(ctx, t.key).Result(); err == nil && of == t.process {
		t.redis.Del(ctx, t.key) // if this fails, the turn ends by itself
	}
}

// repeat calls do at an interval until ctx ends, and done with its error and whether the call before has failed.
func repeat(ctx context.Context, every time.Duration, do func(context.Context) error, done func(err error, failed bool)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := do(ctx)
		if ctx.Err() != nil {
			return nil
		}
		done(err, failed)
		failed = err != nil
	}
}
