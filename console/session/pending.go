package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// CodeLimit is how long somebody who has proved the password may take to prove the code.
	CodeLimit = 5 * time.Minute
	// SetUpLimit is how long somebody may take to set up an authenticator, which may have to be installed.
	SetUpLimit = 15 * time.Minute
	// maxTries is the number of codes after which the password is asked again. What slows guessing down is the guard.
	maxTries = 10
)

// Pending is a browser whose user has proved the password, and is not signed in: a code is missing.
type Pending struct {
	User   string
	Epoch  string // of the user then; another one ends it
	Site   string // root of the pages
	To     string // page to go to
	Secret string // sealed, of an authenticator that is set up; empty: the user has one
}

// Await stores what a browser waits for, under a token that only it has; empty: a new one. It returns the token.
func (s *Store) Await(ctx context.Context, token string, p Pending, limit time.Duration) (string, error) {
	if token == "" {
		token = rand.Text() + rand.Text()
	}
	key := keyPending(token)
	_, err := s.redis.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Del(ctx, key)
		pipe.HSet(ctx, key, "user", p.User, "epoch", p.Epoch, "site", p.Site, "to", p.To, "secret", p.Secret)
		pipe.Expire(ctx, key, limit)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("store pending sign-in: %w", err)
	}
	return token, nil
}

// Awaited returns what the browser with a token waits for; ErrNone: nothing, or no longer.
func (s *Store) Awaited(ctx context.Context, token string) (Pending, error) {
	if token == "" {
		return Pending{}, ErrNone
	}
	f, err := s.redis.HGetAll(ctx, keyPending(token)).Result()
	if err != nil {
		return Pending{}, fmt.Errorf("read pending sign-in: %w", err)
	}
	if f["user"] == "" {
		return Pending{}, ErrNone
	}
	return Pending{f["user"], f["epoch"], f["site"], f["to"], f["secret"]}, nil
}

// countTry counts a code that is tried, if the browser still waits. It keeps the time to live.
var countTry = redis.NewScript(`if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end return redis.call('HINCRBY', KEYS[1], 'tries', 1)`)

// Try counts a code, before it is compared. ErrNone: the browser has tried too many, or waits no longer; the password is asked again.
func (s *Store) Try(ctx context.Context, token string) error {
	n, err := countTry.Run(ctx, s.redis, []string{keyPending(token)}).Int()
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("count code: %w", err)
	}
	if n == 0 || n > maxTries {
		return errors.Join(ErrNone, s.redis.Del(ctx, keyPending(token)).Err())
	}
	return nil
}

// Arrive ends what the browser with a token waits for, and reports whether it was this call that did.
func (s *Store) Arrive(ctx context.Context, token string) (bool, error) {
	n, err := s.redis.Del(ctx, keyPending(token)).Result()
	if err != nil {
		return false, fmt.Errorf("end pending sign-in: %w", err)
	}
	return n == 1, nil
}
