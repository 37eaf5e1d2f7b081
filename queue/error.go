package queue

import (
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Errors of Client, besides those of the connection.
var (
	ErrReplayed    = errors.New("queue: this request was seen before")
	ErrMismatch    = errors.New("queue: the same idempotency key came with another payload")
	ErrFull        = errors.New("queue: too much work is waiting")
	ErrUnavailable = errors.New("queue: Redis does not answer")
	ErrNotFound    = errors.New("queue: no such run")
	ErrGone        = errors.New("queue: the run's record is gone, and it is not known whether it ran")
)

// RanError reports that a run with the same idempotency key was accepted before and
// is no longer stored. The submission was not accepted, and its caller cannot be
// attached to the first run.
type RanError struct{ Run string }

func (e *RanError) Error() string {
	return "queue: run " + e.Run + " was accepted for the same key, and its record is not kept any more"
}

// FailedError reports that a run with the same idempotency key failed, see TellFailed. The
// submission was not accepted.
type FailedError struct{ Run string }

func (e *FailedError) Error() string {
	return "queue: run " + e.Run + " was accepted for the same key, and failed"
}

// ResumedError reports that a run cannot be continued, because another one continues it.
type ResumedError struct{ By string }

func (e *ResumedError) Error() string {
	return "queue: the run is continued, or was begun anew, by " + e.By
}

// ErrMoved reports that a run cannot be continued: it has not ended, it has succeeded, or
// it is not what it was when it was read.
var ErrMoved = errors.New("queue: the run has not failed, or has changed")

// redisError wraps an error of Redis in ErrFull when Redis is out of memory, and in
// ErrUnavailable otherwise.
func redisError(verb string, err error) error {
	if redis.HasErrorPrefix(err, "OOM") {
		return fmt.Errorf("%s: %w: Redis has no memory left", verb, ErrFull)
	}
	return fmt.Errorf("%s: %w: %w", verb, ErrUnavailable, err)
}
