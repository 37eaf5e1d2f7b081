package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// idleLimit is the maximum time between two requests of a session. It is below lifeLimit.
	idleLimit = 8 * time.Hour
	// lifeLimit is the maximum duration of a session.
	lifeLimit = 24 * time.Hour
	// touchInterval is how often the last use of a session is stored. It is far below idleLimit.
	touchInterval = time.Minute
)

// keySession is a hash: user, epoch, csrf, began and seen (Unix seconds). TTL: idleLimit, and at most the rest of
// lifeLimit. The key contains only the SHA-256 of the cookie.
func keySession(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "penstock:console:session:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// session is one signed-in browser.
type session struct {
	token     string // what the browser shows
	User      string // the user's name
	Epoch     string // of the user at the start; a different one ends the session
	CSRF      string // required in every write
	startedAt time.Time
	lastUsed  time.Time
}

// errNoSession reports that the browser has no valid session.
var errNoSession = errors.New("no session")

// sessions gives access to the sessions, which are shared by all processes. Safe for concurrent use.
type sessions struct {
	redis redis.UniversalClient
	now   func() time.Time
}

// begin stores a new session.
func (s *sessions) begin(ctx context.Context, user, epoch string) (*session, error) {
	now := s.now()
	made := &session{token: rand.Text() + rand.Text(), User: user, Epoch: epoch, CSRF: rand.Text(), startedAt: now, lastUsed: now}
	key := keySession(made.token)
	_, err := s.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, key, "user", user, "epoch", epoch, "csrf", made.CSRF, "began", now.Unix(), "seen", now.Unix())
		p.Expire(ctx, key, idleLimit)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("begin session: %w", err)
	}
	return made, nil
}

// find returns the session with this cookie and stores its use. It returns errNoSession for an unknown or expired
// session.
func (s *sessions) find(ctx context.Context, token string) (*session, error) {
	if token == "" {
		return nil, errNoSession
	}
	f, err := s.redis.HGetAll(ctx, keySession(token)).Result()
	if err != nil {
		return nil, fmt.Errorf("find session: %w", err)
	}
	found := &session{token: token, User: f["user"], Epoch: f["epoch"], CSRF: f["csrf"], startedAt: unix(f["began"]), lastUsed: unix(f["seen"])}
	now := s.now()
	if found.User == "" || found.CSRF == "" || now.Sub(found.startedAt) >= lifeLimit || now.Sub(found.lastUsed) >= idleLimit {
		return nil, errNoSession
	}
	if now.Sub(found.lastUsed) < touchInterval {
		return found, nil
	}
	found.lastUsed = now
	_, err = s.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, keySession(token), "seen", now.Unix())
		p.Expire(ctx, keySession(token), min(idleLimit, lifeLimit-now.Sub(found.startedAt)))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("renew session: %w", err)
	}
	return found, nil
}

// end deletes a session.
func (s *sessions) end(ctx context.Context, token string) error {
	if err := s.redis.Del(ctx, keySession(token)).Err(); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

func unix(text string) time.Time {
	n, _ := strconv.ParseInt(text, 10, 64) // an absent or invalid time becomes 1970
	return time.Unix(n, 0)
}
