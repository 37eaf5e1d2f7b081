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
	// idleLimit ends a session that nobody used. It is below lifeLimit.
	idleLimit = 8 * time.Hour
	// lifeLimit ends every session, however busy.
	lifeLimit = 24 * time.Hour
	// touchEvery is how often the use of a session is written down. It is far
	// below idleLimit.
	touchEvery = time.Minute
)

// keySession holds one session: a hash of user, epoch, csrf, began and seen
// (unix seconds). TTL: idleLimit, and never beyond lifeLimit. Only the SHA-256
// of what the browser shows is in it.
func keySession(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "penstock:console:session:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// session is one signed-in browser.
type session struct {
	token string // what the browser shows
	User  string // the user's name
	Epoch string // of the user when it began: another one ends it
	CSRF  string // what every write must repeat
	began time.Time
	seen  time.Time
}

// errNoSession says that nobody is signed in.
var errNoSession = errors.New("no session")

// sessions are the sessions of all processes. Safe for concurrent use.
type sessions struct {
	redis redis.UniversalClient
	now   func() time.Time
}

// begin stores a new session.
func (s *sessions) begin(ctx context.Context, user, epoch string) (*session, error) {
	now := s.now()
	made := &session{token: rand.Text() + rand.Text(), User: user, Epoch: epoch, CSRF: rand.Text(), began: now, seen: now}
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

// find returns the session of a token, and writes down that it was used;
// errNoSession when there is none or its time is over.
func (s *sessions) find(ctx context.Context, token string) (*session, error) {
	if token == "" {
		return nil, errNoSession
	}
	f, err := s.redis.HGetAll(ctx, keySession(token)).Result()
	if err != nil {
		return nil, fmt.Errorf("find session: %w", err)
	}
	found := &session{token: token, User: f["user"], Epoch: f["epoch"], CSRF: f["csrf"], began: unix(f["began"]), seen: unix(f["seen"])}
	now := s.now()
	if found.User == "" || found.CSRF == "" || now.Sub(found.began) >= lifeLimit || now.Sub(found.seen) >= idleLimit {
		return nil, errNoSession
	}
	if now.Sub(found.seen) < touchEvery {
		return found, nil
	}
	found.seen = now
	_, err = s.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, keySession(token), "seen", now.Unix())
		p.Expire(ctx, keySession(token), min(idleLimit, lifeLimit-now.Sub(found.began)))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("renew session: %w", err)
	}
	return found, nil
}

// end forgets a session.
func (s *sessions) end(ctx context.Context, token string) error {
	if err := s.redis.Del(ctx, keySession(token)).Err(); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

func unix(text string) time.Time {
	n, _ := strconv.ParseInt(text, 10, 64) // absent: long ago
	return time.Unix(n, 0)
}
