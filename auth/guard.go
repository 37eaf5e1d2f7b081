package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock/penstock/internal/limits"
)

// Attempts counts tries to prove a name and decides who must wait.
// *limits.Attempts is one.
type Attempts interface {
	Check(ctx context.Context, t limits.Attempt) (limits.Wait, error)
	Record(ctx context.Context, t limits.Attempt, right bool) (limits.Wait, error)
}

// Guard slows down who guesses secrets. Every proof of a secret goes through
// it: Judge takes those that are cheap to evaluate, Authority those that are
// hashed slowly. The rule is a table in docs/security.md. Safe for concurrent
// use; nil slows nobody down.
type BruteForceGuard struct {
	attempts Attempts
	proven   *proofCache
}

// NewBruteForceGuard makes a Guard.
func NewBruteForceGuard(attempts Attempts) *BruteForceGuard {
	return &BruteForceGuard{attempts, newProofCache()}
}

// Guess is one proof of a secret, evaluated.
type Proof struct {
	Name   string // with its kind, as the caller gives it, known or not: "key:k"
	IP     string
	Now    time.Time
	Valid  bool
	Strong bool // Valid says more than guessing could reach; see Strong
}

// Judge returns nil for a proof that fits, wrong for one that does not, and a
// CodeSlowDown *Error for either during a wait, so that a right guess is not
// told from a wrong one. A strong proof that fits is never refused and costs
// no round trip, nor does one of a name that proved itself from the same
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

// check returns how long a proof must wait; zero: it counts for what it is.
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

// record counts an evaluated proof, and remembers a right one.
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

// tooMany refuses a proof during a wait.
func tooMany(wait time.Duration) *Error {
	return &Error{Code: CodeSlowDown, Message: "too many wrong proofs; try again later", Retry: wait}
}

const (
	strongLength   = 16 // bytes: 64 bits even of hexadecimal digits
	strongDistinct = 8  // different bytes
)

// Strong reports whether secrets cannot be guessed by asking: all of them look
// like 64 random bits or more, from which on NIST SP 800-63B asks for no limit
// of tries. No secrets, or one that is empty among them, count for nothing.
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
