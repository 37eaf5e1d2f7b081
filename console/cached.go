package console

import (
	"context"
	"sync"
	"time"
)

// cached is a value that is read at most once in a while for all users. Safe for concurrent use.
type cached[T any] struct {
	ttl  time.Duration
	load func(ctx context.Context) (T, error)

	mu    sync.Mutex // held while loading; guards the fields below
	at    time.Time  // when value was read; zero: never
	value T
}

// get returns a value that is at most ttl old at a time. After an error it is read again at the next call.
func (c *cached[T]) get(ctx context.Context, now time.Time) (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.at.IsZero() && now.Sub(c.at) < c.ttl {
		return c.value, nil
	}
	value, err := c.load(ctx)
	if err == nil {
		c.value, c.at = value, now
	}
	return value, err
}
