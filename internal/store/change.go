package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// changeAttempts bounds how often a change is tried again because another
// one came first. Changes are rare: many directories deployed at once by many
// processes is the worst there is.
const changeAttempts = 100

// change is one decision on what is stored: it reads through tx, which it
// may do more than once, and returns what to write; nil: nothing.
type change func(tx *redis.Tx) (write func(redis.Pipeliner), err error)

// apply carries a change out unless any other change happened between its
// reading and its writing; then it decides again. When it returns, this
// process sees the change.
func (s *Store) apply(ctx context.Context, decide change) error {
	for range changeAttempts {
		err := s.config.Redis.Watch(ctx, func(tx *redis.Tx) error {
			write, err := decide(tx)
			if err != nil || write == nil {
				return err
			}
			_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
				write(p)
				p.Incr(ctx, keyRevision)
				p.Publish(ctx, channelChanges, "")
				return nil
			})
			return err
		}, keyRevision)
		switch {
		case errors.Is(err, redis.TxFailedErr):
			continue
		case err != nil:
			return err
		}
		return s.refresh(ctx, time.Now())
	}
	return fmt.Errorf("the store changed %d times meanwhile: try again", changeAttempts)
}
