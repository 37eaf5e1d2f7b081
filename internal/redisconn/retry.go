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

// RetryUntilDone makes a call until Redis answers it or ctx ends, and returns the last
// error: what is under way is not given up because Redis is away for a moment. An
// answer that refuses the call for good is an answer. The call must be one that
// may be repeated: its reply may have been lost.
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

// outOfSpace reports that Redis takes no writes, for want of memory or of a disk: what
// is under way waits for room, what is new is refused.
func outOfSpace(err error) bool {
	return redis.HasErrorPrefix(err, "OOM") || redis.HasErrorPrefix(err, "MISCONF")
}

// Unavailable reports that an error is of the connection to Redis, or of a Redis that
// will answer in a moment. Nil, and errors that are not Redis', are not.
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

// Temporary reports that a call is worth repeating: its reply was lost, and it
// may have been executed, or Redis will be able to execute it in a moment.
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
