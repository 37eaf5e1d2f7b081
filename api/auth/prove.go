package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// verifiedFor is how long a right password is not hashed again.
	verifiedFor = 60 * time.Second
	maxVerified = 10_000
)

// delayed says that a proof came too soon after too many failures.
type delayed struct {
	wait    time.Duration
	address bool // because of where it came from
}

func (d *delayed) Error() string { return "too many failed attempts" }

// proof is a name and a secret that somebody sent from somewhere.
type proof struct {
	name    string   // with its kind: "user:ann"
	secrets []string // what the secret may be; one must be right
	ip      string
	hash    string // what is stored; empty: there is nobody of that name
}

// prove reports whether the secret is right. Whoever it is, it costs one
// hash for each secret, unless the same proof was right less than a minute ago. The error is
// a *delayed, or wraps ErrUnavailable.
func (a *Authority) prove(ctx context.Context, p proof) (bool, error) {
	id := a.verified.id(p)
	if a.verified.has(id, a.config.Now()) {
		return true, nil
	}
	// Of equal proofs at one moment, as of a program that starts, one is hashed.
	landed := a.verified.flight.DoChan(string(id[:]), func() (any, error) {
		return a.compare(context.WithoutCancel(ctx), p, id)
	})
	select {
	case r := <-landed:
		if r.Err != nil {
			return false, r.Err
		}
		return r.Val == true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// compare hashes the secret once its turn has come and counts how it ended.
func (a *Authority) compare(ctx context.Context, p proof, id proofID) (bool, error) {
	right, err := a.anyRight(ctx, p)
	var late *delayed
	switch {
	case errors.As(err, &late):
		return false, late
	case err != nil:
		return false, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case right:
		a.verified.add(id, a.config.Now())
		err = a.config.Backoff.Succeed(ctx, p.name, p.ip)
	default:
		err = a.config.Backoff.Fail(ctx, p.name, p.ip)
	}
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return right, nil
}

func (a *Authority) anyRight(ctx context.Context, p proof) (right bool, err error) {
	for _, secret := range p.secrets {
		right, err = a.config.Hasher.Matches(ctx, p.hash, secret, func() error { return a.mayTry(ctx, p) })
		if right || err != nil {
			break
		}
	}
	return right, err
}

func (a *Authority) mayTry(ctx context.Context, p proof) error {
	delay, err := a.config.Backoff.Delay(ctx, p.name, p.ip)
	if err != nil {
		return err
	}
	if delay.Longest() > 0 {
		return &delayed{delay.Longest(), delay.Address > 0}
	}
	return nil
}

// proofID names a proof. Without the process' key it tells nothing of it.
type proofID [sha256.Size]byte

// verified are the proofs that were right a short while ago. The stored hash
// is a part of each: with the password it changes, and the proof is none.
type verified struct {
	key    []byte
	flight singleflight.Group

	mu    sync.Mutex // guards until
	until map[proofID]time.Time
}

func newVerified() *verified {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return &verified{key: key, until: map[proofID]time.Time{}}
}

func (v *verified) id(p proof) (id proofID) {
	mac := hmac.New(sha256.New, v.key)
	for _, part := range append([]string{p.name, p.hash}, p.secrets...) {
		_, _ = fmt.Fprintf(mac, "%d:%s", len(part), part) // a hash takes everything
	}
	mac.Sum(id[:0])
	return id
}

func (v *verified) has(id proofID, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return now.Before(v.until[id])
}

func (v *verified) add(id proofID, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.until) >= maxVerified {
		for other, until := range v.until {
			if !now.Before(until) {
				delete(v.until, other)
			}
		}
	}
	if len(v.until) >= maxVerified {
		clear(v.until) // they are hashed again, that is all
	}
	v.until[id] = now.Add(verifiedFor)
}
