// Package session keeps the sessions of signed-in browsers, and makes the CSRF tokens of their pages.
package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// IdleLimit is the maximum time between two requests of a session. It is below LifeLimit.
	IdleLimit = 8 * time.Hour
	// LifeLimit is the maximum duration of a session.
	LifeLimit = 24 * time.Hour
	// touchInterval is how often the last use of a session is stored. It is far below IdleLimit.
	touchInterval = time.Minute
)

// Session is one signed-in browser. It is read only.
type Session struct {
	Token     string // what the browser shows
	User      string // the user's name
	Epoch     string // of the user at the start; a different one ends the session
	CSRF      string // required in every write
	startedAt time.Time
	lastUsed  time.Time
}

// ErrNone reports that the browser has no valid session.
var ErrNone = errors.New("no session")

// Store gives access to the sessions, which are shared by all processes. Safe for concurrent use.
type Store struct {
	redis redis.UniversalClient
	now   func() time.Time
}

// New returns a Store. The client is not closed.
func New(client redis.UniversalClient, now func() time.Time) *Store { return &Store{client, now} }

// Begin stores a new session.
func (s *Store) Begin(ctx context.Context, user, epoch string) (*Session, error) {
	now := s.now()
	made := &Session{Token: rand.Text() + rand.Text(), User: user, Epoch: epoch, CSRF: rand.Text(), startedAt: now, lastUsed: now}
	key := Key(made.Token)
	_, err := s.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, key, "user", user, "epoch", epoch, "csrf", made.CSRF, "began", now.Unix(), "seen", now.Unix())
		p.Expire(ctx, key, IdleLimit)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("begin session: %w", err)
	}
	return made, nil
}

// Find returns the session with this cookie and stores its use. It returns ErrNone for an unknown or expired
// session.
func (s *Store) Find(ctx context.Context, token string) (*Session, error) {
	if token == "" {
		return nil, ErrNone
	}
	f, err := s.redis.HGetAll(ctx, Key(token)).Result()
	if err != nil {
		return nil, fmt.Errorf("find session: %w", err)
	}
	found := &Session{Token: token, User: f["user"], Epoch: f["epoch"], CSRF: f["csrf"], startedAt: unix(f["began"]), lastUsed: unix(f["seen"])}
	now := s.now()
	if found.User == "" || found.CSRF == "" || !found.live(now) {
		return nil, ErrNone
	}
	if now.Sub(found.lastUsed) < touchInterval {
		return found, nil
	}
	found.lastUsed = now
	_, err = s.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, Key(token), "seen", now.Unix())
		p.Expire(ctx, Key(token), min(IdleLimit, LifeLimit-now.Sub(found.startedAt)))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("renew session: %w", err)
	}
	return found, nil
}

// live reports whether neither limit of the session is reached.
func (s *Session) live(now time.Time) bool {
	return now.Sub(s.startedAt) < LifeLimit && now.Sub(s.lastUsed) < IdleLimit
}

// End deletes a session.
func (s *Store) End(ctx context.Context, token string) error {
	if err := s.redis.Del(ctx, Key(token)).Err(); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

func unix(text string) time.Time {
	n, _ := strconv.ParseInt(text, 10, 64) // an absent or invalid time becomes 1970
	return time.Unix(n, 0)
}
