package queue

import (
	"fmt"

	"github.com/redis/go-redis/v9"
)

// RanError reports that a run with the same idempotency key was accepted before and
// is no longer stored. The submission was not accepted, and its caller cannot be
// attached to the first run.
type RanError struct{ Run string }

func (e *RanError) Error() string {
	return "queue: run " + e.Run + " was accepted for the same key, and its record is not kept any more"
}

// redisError wraps an error of Redis in ErrFull when Redis is out of memory, and in
// ErrUnavailable otherwise.
func redisError(verb string, err error) error {
	if redis.HasErrorPrefix(err, "OOM") {
		return fmt.Errorf("%s: %w: Redis has no memory left", verb, ErrFull)
	}
	return fmt.Errorf("%s: %w: %w", verb, ErrUnavailable, err)
}
