package queue

import (
	"fmt"

	"github.com/redis/go-redis/v9"
)

// redisError tells apart what the callers of this package must: a Redis that
// is full, and one that does not answer as it should.
func redisError(verb string, err error) error {
	if redis.HasErrorPrefix(err, "OOM") {
		return fmt.Errorf("%s: %w: Redis has no memory left", verb, ErrFull)
	}
	return fmt.Errorf("%s: %w: %w", verb, ErrUnavailable, err)
}
