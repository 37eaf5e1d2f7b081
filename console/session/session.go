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
	Origin           // where the user signed in; its address is that of the last use
	Last      SignIn // of the user before this session; zero: not known
	startedAt time.Time
	lastUsed  time.Time
}

// Origin is where a session is from.
type Origin struct {
	Site   string // root of the pages: "/console"
	IP     string // address of the browser
	Device string // the User-Agent header, at most maxDevice bytes

	// IDToken is that with which the OpenID Connect provider let the user in; empty: the user signed in with a password.
	IDToken string
	SID     string // of the session there; empty: not known
}

// ID is by what the session is named on pages. It is no secret: the cookie does not follow from it.
func (s *Session) ID() string { return digest(s.Token) }

// ErrNone reports that the browser has no valid session.
var ErrNone = errors.New("no session")

// Store gives access to the sessions, which are shared by all processes. Safe for concurrent use.
type Store struct {
	redis redis.UniversalClient
	now   func() time.Time
}

// New returns a Store. The client is not closed.
func New(client redis.UniversalClient, now func() time.Time) *Store { return &Store{client, now} }

// Begin stores a new session. A user has at most maxSessions: the oldest ones end.
func (s *Store) Begin(ctx context.Context, user, epoch string, from Origin) (*Session, error) {
	now := s.now()
	from.Device = clip(from.Device)
	made := &Session{Token: rand.Text() + rand.Text(), User: user, Epoch: epoch, CSRF: rand.Text(), Origin: from, startedAt: now, lastUsed: now}
	last, err := s.signedIn(ctx, user, SignIn{now, from.IP, from.Device})
	if err != nil {
		return nil, fmt.Errorf("begin session: %w", err)
	}
	made.Last = last
	if err := s.enlist(ctx, user, made.ID()); err != nil { // before the session: none is left out
		return nil, fmt.Errorf("begin session: %w", err)
	}
	if err := s.put(ctx, made); err != nil {
		return nil, fmt.Errorf("begin session: %w", err)
	}
	return made, nil
}

func (s *Store) put(ctx context.Context, made *Session) error {
	key, at := Key(made.Token), made.startedAt.Unix()
	fields := []any{"user", made.User, "epoch", made.Epoch, "csrf", made.CSRF, "began", at, "seen", at, "site", made.Site, "ip", made.IP, "device", made.Device}
	if !made.Last.At.IsZero() {
		fields = append(fields, "last_at", made.Last.At.Unix(), "last_ip", made.Last.IP, "last_device", made.Last.Device)
	}
	if made.IDToken != "" {
		fields = append(fields, "id_token", made.IDToken)
	}
	if made.SID != "" {
		fields = append(fields, "sid", made.SID)
	}
	_, err := s.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, key, fields...)
		p.Expire(ctx, key, IdleLimit)
		if made.SID != "" {
			p.Set(ctx, keySID(made.SID), made.User, LifeLimit)
		}
		return nil
	})
	return err
}

// sessionOf returns the session with the stored fields; it has no Token.
func sessionOf(f map[string]string) *Session {
	s := &Session{
		User: f["user"], Epoch: f["epoch"], CSRF: f["csrf"], Origin: Origin{f["site"], f["ip"], f["device"], f["id_token"], f["sid"]},
		startedAt: unix(f["began"]), lastUsed: unix(f["seen"]),
	}
	if f["last_at"] != "" {
		s.Last = SignIn{unix(f["last_at"]), f["last_ip"], f["last_device"]}
	}
	return s
}

// Find returns the session with this cookie and stores its use from an address. It returns ErrNone for an unknown or expired
// session.
func (s *Store) Find(ctx context.Context, token, ip string) (*Session, error) {
	if token == "" {
		return nil, ErrNone
	}
	f, err := s.redis.HGetAll(ctx, Key(token)).Result()
	if err != nil {
		return nil, fmt.Errorf("find session: %w", err)
	}
	found := sessionOf(f)
	found.Token = token
	now := s.now()
	if found.User == "" || found.CSRF == "" || !found.live(now) {
		return nil, ErrNone
	}
	if now.Sub(found.lastUsed) < touchInterval && ip == found.IP {
		return found, nil
	}
	found.lastUsed, found.IP = now, ip
	_, err = s.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, Key(token), "seen", now.Unix(), "ip", ip)
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
