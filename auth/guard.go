package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock/penstock/internal/limits"
)

// Attempts counts attempts to prove a name, and decides when the next one is allowed. *limits.Attempts implements
// it.
type Attempts interface {
	Check(ctx context.Context, t limits.Attempt) (limits.Wait, error)
	Record(ctx context.Context, t limits.Attempt, right bool) (limits.Wait, error)
}

// BruteForceGuard slows down callers that guess secrets. All proofs of secrets pass it: Check takes proofs that are
// cheap to verify, and Authority passes the slowly hashed ones. docs/security.md has the rules as a table. Safe for
// concurrent use. A nil guard delays nobody.
type BruteForceGuard struct {
	attempts Attempts
	proven   *proofCache
}

// NewBruteForceGuard returns a guard that counts with attempts.
func NewBruteForceGuard(attempts Attempts) *BruteForceGuard {
	return &BruteForceGuard{attempts, newProofCache()}
}

// Proof is a verified proof of a secret, right or wrong.
type Proof struct {
	Name   string // kind and name as the caller sent it, known or unknown: "key:k"
	IP     string
	Now    time.Time
	Valid  bool
	Strong bool // a right proof cannot be the result of guessing; see the function Strong
}

// Check returns nil for a valid proof and wrong for an invalid one. While the caller has to wait, it returns a
// CodeSlowDown *Error for both, so that a right guess cannot be told from a wrong one. A valid strong proof is
// never rejected and costs no round trip; neither does a valid proof of a name that was proved from the same
// network within the last minute. Other errors wrap ErrUnavailable.
func (g *BruteForceGuard) Check(ctx context.Context, proof Proof, wrong error) error {
	wait, err := g.check(ctx, proof)
	switch {
	case err != nil:
		return err
	case wait.For > 0:
		return tooMany(wait.For)
	case !proof.Valid:
		return wrong
	}
	return nil
}

// check counts a proof and returns how long the caller has to wait; zero: the proof is accepted or rejected on its
// merits.
func (g *BruteForceGuard) check(ctx context.Context, proof Proof) (limits.Wait, error) {
	if g == nil || proof.Valid && proof.Strong {
		return limits.Wait{}, nil
	}
	at := limits.Attempt{Name: proof.Name, IP: proof.IP}
	if proof.Valid && g.proven.contains(at, nil, proof.Now) {
		return limits.Wait{}, nil
	}
	return g.record(ctx, at, nil, proof.Valid, proof.Now)
}

// record counts a verified proof, and adds a valid one to the cache.
func (g *BruteForceGuard) record(ctx context.Context, at limits.Attempt, secrets []string, right bool, now time.Time) (limits.Wait, error) {
	if !right {
		g.proven.remove(at)
	}
	wait, err := g.attempts.Record(ctx, at, right)
	switch {
	case err != nil:
		return wait, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case wait.For > 0:
		g.proven.remove(at)
	case right:
		g.proven.add(at, secrets, now)
	}
	return wait, nil
}

// tooMany returns the error for a proof that arrives during a wait.
func tooMany(wait time.Duration) *Error {
	return &Error{Code: CodeSlowDown, Message: "too many wrong proofs; try again later", Retry: wait}
}

const (
	strongLength   = 16 // bytes; 64 bits of entropy if they are random hexadecimal digits
	strongDistinct = 8  // different bytes
)

// Strong reports whether no secret can be guessed by trying: each one looks like 64 random bits or more, for which
// NIST SP 800-63B requires no limit of attempts. Empty secrets are ignored; without any other secret the result is
// false.
func Strong(secrets ...string) bool {
	found := false
	for _, s := range secrets {
		if s == "" {
			continue
		}
		var seen [256]bool
		distinct := 0
		for i := range len(s) {
			if !seen[s[i]] {
				seen[s[i]] = true
				distinct++
			}
		}
		if len(s) < strongLength || distinct < strongDistinct {
			return false
		}
		found = true
	}
	return found
}
