package blob

import (
	"context"
	"errors"
	"time"
)

// Grace is how long blobs are kept whose owner does not exist: it may be about to. It exceeds the time of any upload.
const Grace = 2 * time.Hour

// keeper is a Backend that deletes blobs by itself after a time, unless they are kept.
type keeper interface {
	Keep(ctx context.Context, owner string) error
}

// Sweep deletes the blobs of all owners that do not exist, and whose latest Put is at least Grace before now. It returns how
// many owners it deleted. exists must return an error when it does not know. Several processes may sweep at once.
func (s *Store) Sweep(ctx context.Context, now time.Time, exists func(ctx context.Context, owner string) (bool, error)) (int, error) {
	deleted := 0
	var failures []error
	err := s.config.Backend.Owners(ctx, func(owner string, latest time.Time) error {
		alive, err := exists(ctx, owner)
		k, keeps := s.config.Backend.(keeper)
		switch {
		case err != nil:
		case alive && keeps:
			err = k.Keep(ctx, owner)
		case !alive && now.Sub(latest) >= Grace:
			if err = s.config.Backend.DeleteOwner(ctx, owner); err == nil {
				deleted++
			}
		}
		if err != nil {
			failures = append(failures, err)
		}
		if len(failures) > 10 || ctx.Err() != nil {
			return errors.Join(failures...)
		}
		return nil
	})
	return deleted, errors.Join(err, errors.Join(failures...))
}
