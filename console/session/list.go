package session

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// maxSessions is the maximum number of sessions of a user.
	maxSessions = 50
	// maxDevice is the maximum length of a stored User-Agent header, in bytes.
	maxDevice = 256
	// signInTTL is how long the last sign-in of a user is known.
	signInTTL = 400 * 24 * time.Hour
)

// SignIn is one time that a user signed in.
type SignIn struct {
	At     time.Time
	IP     string
	Device string
}

// Open is a session of a user, as the user sees it.
type Open struct {
	ID    string
	Epoch string // of the user at the start
	Origin
	Began, Seen time.Time
}

// List returns the sessions of a user that have not ended, the one used last first.
func (s *Store) List(ctx context.Context, user string) ([]Open, error) {
	ids, err := s.redis.LRange(ctx, keyUser(user), 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	answers := make([]*redis.MapStringStringCmd, len(ids))
	_, err = s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			answers[i] = p.HGetAll(ctx, keyByID(id))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	var all []Open
	now := s.now()
	for i, id := range ids {
		one := sessionOf(answers[i].Val())
		if one.User == user && one.live(now) {
			all = append(all, Open{id, one.Epoch, one.Origin, one.startedAt, one.lastUsed})
		}
	}
	slices.SortStableFunc(all, func(a, b Open) int { return b.Seen.Compare(a.Seen) })
	return all, nil
}

// EndOf ends sessions of a user by their ids; those of others, and unknown ones, are left alone. It returns how many ended.
func (s *Store) EndOf(ctx context.Context, user string, ids ...string) (int, error) {
	known, err := s.redis.LRange(ctx, keyUser(user), 0, -1).Result()
	if err != nil {
		return 0, fmt.Errorf("end sessions: %w", err)
	}
	n := 0
	for _, id := range ids {
		if !slices.Contains(known, id) {
			continue
		}
		ended, err := s.redis.Del(ctx, keyByID(id)).Result()
		if err == nil {
			err = s.redis.LRem(ctx, keyUser(user), 0, id).Err()
		}
		if err != nil {
			return n, fmt.Errorf("end sessions: %w", err)
		}
		n += int(ended)
	}
	return n, nil
}

// LastSignIns returns when and from where users signed in last; the zero value: not known.
func (s *Store) LastSignIns(ctx context.Context, users []string) ([]SignIn, error) {
	answers := make([]*redis.MapStringStringCmd, len(users))
	_, err := s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, user := range users {
			answers[i] = p.HGetAll(ctx, keySignIn(user))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read sign-ins: %w", err)
	}
	all := make([]SignIn, len(users))
	for i, reply := range answers {
		all[i] = signInOf(reply.Val())
	}
	return all, nil
}

// signedIn notes a sign-in of a user and returns the one before.
func (s *Store) signedIn(ctx context.Context, user string, now SignIn) (SignIn, error) {
	key := keySignIn(user)
	var before *redis.MapStringStringCmd
	_, err := s.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		before = p.HGetAll(ctx, key)
		p.HSet(ctx, key, "at", now.At.Unix(), "ip", now.IP, "device", now.Device)
		p.Expire(ctx, key, signInTTL)
		return nil
	})
	if err != nil {
		return SignIn{}, err
	}
	return signInOf(before.Val()), nil
}

func signInOf(f map[string]string) SignIn {
	if f["at"] == "" {
		return SignIn{}
	}
	return SignIn{unix(f["at"]), f["ip"], f["device"]}
}

// enlist adds the id of a session to those of its user, and ends the oldest ones beyond maxSessions.
func (s *Store) enlist(ctx context.Context, user, id string) error {
	key := keyUser(user)
	var over *redis.StringSliceCmd
	_, err := s.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.RPush(ctx, key, id)
		over = p.LRange(ctx, key, 0, -maxSessions-1)
		p.LTrim(ctx, key, -maxSessions, -1)
		p.Expire(ctx, key, LifeLimit)
		return nil
	})
	if err != nil {
		return err
	}
	for _, old := range over.Val() {
		if err := s.redis.Del(ctx, keyByID(old)).Err(); err != nil {
			return err
		}
	}
	return nil
}

// clip cuts a User-Agent header.
func clip(device string) string {
	if len(device) > maxDevice {
		device = device[:maxDevice]
	}
	return strings.ToValidUTF8(device, "")
}
