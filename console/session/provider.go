package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// UserAt returns the user of the last session that began with a session at the provider; empty: none is known.
func (s *Store) UserAt(ctx context.Context, sid string) (string, error) {
	user, err := s.redis.Get(ctx, keySID(sid)).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("find session at the provider: %w", err)
	}
	return user, nil
}

// EndAt ends the sessions of a user that began with a session at the provider, and returns how many; sid is empty: all sessions of the user.
func (s *Store) EndAt(ctx context.Context, user, sid string) (int, error) {
	all, err := s.List(ctx, user)
	if err != nil {
		return 0, err
	}
	var ids []string
	for _, one := range all {
		if sid == "" || one.SID == sid {
			ids = append(ids, one.ID)
		}
	}
	return s.EndOf(ctx, user, ids...)
}
