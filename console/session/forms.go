package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// formTTL is how long a form that was handled is known.
const formTTL = 10 * time.Minute

// ClaimForm claims the token of a form of a user, which is random and made with the form. first: it has not come before. Otherwise
// page is that to which the first one led; empty: to none, or it is still being handled.
func (s *Store) ClaimForm(ctx context.Context, user, token string) (first bool, page string, err error) {
	key := keyForm(user, token)
	first, err = s.redis.SetNX(ctx, key, "", formTTL).Result()
	if err != nil {
		return false, "", fmt.Errorf("claim form: %w", err)
	}
	if first {
		return true, "", nil
	}
	page, err = s.redis.Get(ctx, key).Result()
	if err != nil && !errors.Is(err, redis.Nil) { // Nil: it has just been released
		return false, "", fmt.Errorf("claim form: %w", err)
	}
	return false, page, nil
}

// SettleForm notes the page to which a form has led.
func (s *Store) SettleForm(ctx context.Context, user, token, page string) error {
	if err := s.redis.Set(ctx, keyForm(user, token), page, formTTL).Err(); err != nil {
		return fmt.Errorf("settle form: %w", err)
	}
	return nil
}

// ReleaseForm lets a form come again that was not done.
func (s *Store) ReleaseForm(ctx context.Context, user, token string) error {
	if err := s.redis.Del(ctx, keyForm(user, token)).Err(); err != nil {
		return fmt.Errorf("release form: %w", err)
	}
	return nil
}
