package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/store"
)

// delayedError says that the caller has to wait before its next proof is checked.
type delayedError struct{ limits.Wait }

func (d *delayedError) Error() string { return "too many wrong proofs" }

// passwordProof is a name with a secret, sent from an address.
type passwordProof struct {
	name    string   // kind and name: "user:ann"
	secrets []string // possible decodings of the secret; one must match
	ip      string
	hash    string // stored hash; empty: the name is unknown
	strong  bool   // the request has a second proof that cannot be guessed, so it never waits
}

func (p *passwordProof) attempt() limits.Attempt { return limits.Attempt{Name: p.name, IP: p.ip} }

// parts returns what identifies the proof in the cache. The stored hash is part of it, so that a change of the
// password invalidates the entry.
func (p *passwordProof) parts() []string { return append([]string{p.hash}, p.secrets...) }

// prove reports whether the secret is right. It computes one hash per secret, whether or not the name exists,
// unless the same proof was right at the same network less than a minute ago. The error is a *delayedError, or
// wraps ErrUnavailable.
func (a *Authority) prove(ctx context.Context, p passwordProof) (bool, error) {
	proven := a.config.Guard.proven
	if proven.contains(p.attempt(), p.parts(), a.config.Now()) {
		return true, nil
	}
	// Concurrent equal proofs, such as those of a starting program, are hashed once.
	id := proven.id(append([]string{p.name, limits.Network(p.ip), fmt.Sprint(p.strong)}, p.parts()...)...)
	done := proven.flight.DoChan(string(id[:]), func() (any, error) {
		return a.compare(context.WithoutCancel(ctx), p)
	})
	select {
	case r := <-done:
		if r.Err != nil {
			return false, r.Err
		}
		return r.Val == true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// compare hashes the secret as soon as the hasher has capacity, and counts the result.
func (a *Authority) compare(ctx context.Context, p passwordProof) (bool, error) {
	right, err := a.anyMatches(ctx, p)
	var late *delayedError
	switch {
	case errors.As(err, &late):
		a.config.Guard.proven.remove(p.attempt())
		return false, late
	case err != nil:
		return false, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case right && p.strong:
		return true, nil
	}
	wait, err := a.config.Guard.record(ctx, p.attempt(), p.parts(), right, a.config.Now())
	switch {
	case err != nil:
		return false, err
	case wait.For > 0:
		return false, &delayedError{wait}
	}
	return right, nil
}

func (a *Authority) anyMatches(ctx context.Context, p passwordProof) (right bool, err error) {
	for _, secret := range p.secrets {
		right, err = a.config.Hasher.Matches(ctx, p.hash, secret, func() error { return a.checkWait(ctx, p) })
		if right || err != nil {
			break
		}
	}
	return right, err
}

func (a *Authority) checkWait(ctx context.Context, p passwordProof) error {
	if p.strong {
		return nil
	}
	wait, err := a.config.Guard.attempts.Check(ctx, p.attempt())
	if err == nil && wait.For > 0 {
		err = &delayedError{wait}
	}
	return err
}

// User returns the user with this name and password, or nil when there is none: a wrong user and a wrong password
// are indistinguishable to the caller, also by the time. While the caller has to wait, the error is a CodeSlowDown
// *Error; other errors wrap ErrUnavailable.
func (a *Authority) User(ctx context.Context, name, secret, ip string) (*store.User, error) {
	user, err := a.user(ctx, name, secret, ip)
	var late *delayedError
	if errors.As(err, &late) {
		return nil, tooMany(late.For)
	}
	return user, err
}

func (a *Authority) user(ctx context.Context, name, secret, ip string) (*store.User, error) {
	user, err := a.config.Store.Users().User(ctx, name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("find user: %w: %w", ErrUnavailable, err)
	}
	p := passwordProof{name: string(KindUser) + ":" + name, secrets: []string{secret}, ip: ip}
	if user != nil {
		p.hash = user.Hash
	}
	right, err := a.prove(ctx, p)
	if err != nil || !right {
		return nil, err
	}
	return user, nil
}
