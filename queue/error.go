package queue

import (
	"fmt"

	"github.com/redis/go-redis/v9"
)

// RanError says that a run with the same guard was accepted before and is not
// kept any more: it is not run again, and cannot be attached to.
type RanError struct{ Run string }

func (e *RanError) Error() string {
	return "queue: run " + e.Run + " was accepted for the same key, and its record is not kept any more"
}

// redisError tells apart what the callers of this package must: a Redis that
// is full, and one that does not answer as it should.
func redisError(verb string, err error) error {
	if redis.HasErrorPrefix(err, "OOM") {
		return fmt.Errorf("%s: %w: Redis has no memory left", verb, ErrFull)
	}
	return fmt.Errorf("%s: %w: %w", verb, ErrUnavailable, err)
}
