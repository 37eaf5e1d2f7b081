// Package sleep pauses a goroutine.
package sleep

import (
	"context"
	"time"
)

// For returns nil after a duration, or the error of ctx as soon as ctx ends.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
