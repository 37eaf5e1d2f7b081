package history

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/lease"
)

// The Redis keys. Each is a STRING, the process whose turn it is. TTL: turnTTL.
const (
	keyArchiver    = "penstock:history:archiver" // to copy runs
	keyLogArchiver = "penstock:history:logs"     // to copy entries of logs

	turnTTL = 15 * time.Second
)

// turn lets one process of the fleet do something at a time.
func turn(client redis.UniversalClient, key, process string) lease.Lease {
	return lease.Lease{Redis: client, Key: key, Holder: process, TTL: turnTTL}
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
