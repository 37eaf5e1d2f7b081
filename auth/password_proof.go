package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/store"
)

// delayedError says that a proof came during a wait.
type delayedError struct{ limits.Wait }

func (d *delayedError) Error() string { return "too many wrong proofs" }

// proof is a name and a secret that somebody sent from somewhere.
type passwordProof struct {
	name    string   // with its kind: "user:ann"
	secrets []string // what the secret may be; one must be right
	ip      string
	hash    string // what is stored; empty: there is nobody of that name
	strong  bool   // a further proof came along that cannot be guessed: it does not wait
}

func (p *passwordProof) attempt() limits.Attempt { return limits.Attempt{Name: p.name, IP: p.ip} }

// parts are what must be as it was for a proof to be the same. With the
// password the stored hash changes, and the proof is another.
func (p *passwordProof) parts() []string { return append([]string{p.hash}, p.secrets...) }

// prove reports whether the secret is right. Whoever it is, it costs one
// hash for each secret, unless the same proof was right less than a minute
// ago at the same network. The error is a *delayedError, or wraps ErrUnavailable.
func (a *Authority) prove(ctx context.Context, p passwordProof) (bool, error) {
	proven := a.config.Guard.proven
	if proven.contains(p.attempt(), p.parts(), a.config.Now()) {
		return true, nil
	}
	// Of equal proofs at one moment, as of a program that starts, one is hashed.
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

// compare hashes the secret once its turn has come and counts how it ended.
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

// User returns the user that a name and password prove, nil when they prove
// nobody. Which of the two is not told, nor does it show in the time that it
// takes. During a wait the error is a CodeSlowDown *Error; others wrap
// ErrUnavailable.
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
