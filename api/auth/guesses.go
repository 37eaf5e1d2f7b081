package auth

import (
	"context"
	"fmt"
	"time"

	"penstock/internal/limits"
)

// Guesses slows down who guesses the secrets of API keys by sending check
// values or signatures. Safe for concurrent use; nil slows nobody down.
type Guesses struct {
	backoff Backoff
	right   *verified // keys that proved themselves from a network a short while ago
}

// NewGuesses makes a Guesses. A backoff that slows names down from everywhere
// would let an attacker keep a key's owner out from afar.
func NewGuesses(backoff Backoff) *Guesses { return &Guesses{backoff, newVerified()} }

// Guess is one proof of an API key.
type Guess struct {
	Key  string // as the caller names it, known or not
	IP   string
	Now  time.Time
	Fits bool
}

// Judge returns nil for a proof that fits, wrong for one that does not, and
// something else for either when it came too soon after too many wrong ones:
// who guesses right then does not learn it. A key that proved itself from the
// same network within the last minute does not wait, nor does it cost a round
// trip. Other errors wrap ErrUnavailable.
func (g *Guesses) Judge(ctx context.Context, guess Guess, wrong *Error) error {
	if g == nil {
		return guess.refused(wrong)
	}
	name := string(KindKey) + ":" + guess.Key
	id := g.right.id(proof{name: name, ip: guess.IP, hash: limits.Network(guess.IP)})
	if guess.Fits && g.right.has(id, guess.Now) {
		g.right.add(id, guess.Now)
		return nil
	}
	delay, err := g.backoff.Delay(ctx, name, guess.IP)
	switch {
	case err != nil:
	case delay.Longest() > 0:
		return &Error{Code: CodeSlowDown, Message: "too many wrong proofs from here; try again later", Retry: delay.Longest()}
	case guess.Fits:
		g.right.add(id, guess.Now)
		err = g.backoff.Succeed(ctx, name, guess.IP)
	default:
		err = g.backoff.Fail(ctx, name, guess.IP)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return guess.refused(wrong)
}

func (g *Guess) refused(wrong *Error) error {
	if g.Fits {
		return nil
	}
	return wrong
}
