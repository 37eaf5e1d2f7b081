package redisconn

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	minPause = 20 * time.Millisecond
	maxPause = time.Second
)

// RetryUntilDone repeats a call until Redis answers it or ctx ends, and returns the last error, so that a short
// outage of Redis does not fail running work. A permanent error of Redis is an answer. The call must be repeatable,
// because its reply may have been lost.
func RetryUntilDone(ctx context.Context, call func() error) error {
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		err := call()
		if err == nil || ctx.Err() != nil || !Temporary(err) && !outOfSpace(err) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}

// outOfSpace reports whether Redis rejects writes for want of memory or disk. Running work then waits; new work is
// rejected.
func outOfSpace(err error) bool {
	return redis.HasErrorPrefix(err, "OOM") || redis.HasErrorPrefix(err, "MISCONF")
}

// Unavailable reports whether an error is one of the connection to Redis, or of a Redis that will answer soon. It is
// false for nil and for errors of other origin.
func Unavailable(err error) bool {
	var refused redis.Error
	var network net.Error
	switch {
	case errors.As(err, &refused):
		return Temporary(err)
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, redis.ErrPoolTimeout):
		return true
	}
	return false
}

// Temporary reports whether a call is worth repeating: its reply was lost and it may have been executed, or Redis
// will be able to execute it soon.
func Temporary(err error) bool {
	var refused redis.Error
	if !errors.As(err, &refused) {
		return true
	}
	for _, prefix := range []string{"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"} {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return false
}
