package limits

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// forget is how long after the last failure all are forgotten.
const forget = 15 * time.Minute

// policy is how failures of one kind slow the next proof down. Nobody is
// locked out: the longest wait is short enough to sit out.
type policy struct {
	name    string
	free    int           // failures without any wait
	longest time.Duration // of one wait, which doubles from 1 s
}

// The policies. A name is slowed down where it is attacked from; from
// everywhere only by many more failures, and never for long, so that nobody
// can keep its owner out from afar. Read only.
var (
	perBoth    = policy{"both", 5, 5 * time.Minute}
	perName    = policy{"name", 50, 15 * time.Second}
	perAddress = policy{"address", 30, 5 * time.Minute}
)

// Delay is how long a caller must wait before the next proof.
type Delay struct {
	Name    time.Duration // because of the name that is to be proved
	Address time.Duration // because of where the caller is
}

// Longest is the longer of the two.
func (d Delay) Longest() time.Duration { return max(d.Name, d.Address) }

// Backoff slows down who guesses secrets, more and more, across all
// processes. Names that do not exist are slowed down like those that do. Safe
// for concurrent use.
type Backoff struct{ redis redis.UniversalClient }

// NewBackoff makes a Backoff.
func NewBackoff(client redis.UniversalClient) *Backoff { return &Backoff{client} }

// Delay returns how long a proof of a name from an address must wait.
func (b *Backoff) Delay(ctx context.Context, name, ip string) (Delay, error) {
	waits, err := b.each(ctx, name, ip, func(p redis.Pipeliner, key string, _ policy) *redis.Cmd {
		return waitScript.Eval(ctx, p, []string{key}) // EVALSHA in a pipeline cannot fall back
	})
	if err != nil {
		return Delay{}, fmt.Errorf("read failures: %w", err)
	}
	return Delay{Name: max(waits[0], waits[1]), Address: waits[2]}, nil
}

// Fail counts a failed proof.
func (b *Backoff) Fail(ctx context.Context, name, ip string) error {
	_, err := b.each(ctx, name, ip, func(p redis.Pipeliner, key string, how policy) *redis.Cmd {
		return failScript.Eval(ctx, p, []string{key}, how.free, how.longest.Milliseconds(), forget.Milliseconds())
	})
	if err != nil {
		return fmt.Errorf("count failure: %w", err)
	}
	return nil
}

// Succeed forgets the failures of the name at the address. Those of the
// address stay, or a caller with one right password could try others for ever.
func (b *Backoff) Succeed(ctx context.Context, name, ip string) error {
	if err := b.redis.Del(ctx, keyFailures(perBoth.name, name, Network(ip))).Err(); err != nil {
		return fmt.Errorf("forget failures: %w", err)
	}
	return nil
}

// each runs a script for the three counters and returns their answers.
func (b *Backoff) each(ctx context.Context, name, ip string, run func(redis.Pipeliner, string, policy) *redis.Cmd) (waits [3]time.Duration, err error) {
	network := Network(ip)
	var answers [3]*redis.Cmd
	_, err = b.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		answers[0] = run(p, keyFailures(perBoth.name, name, network), perBoth)
		answers[1] = run(p, keyFailures(perName.name, name), perName)
		answers[2] = run(p, keyFailures(perAddress.name, network), perAddress)
		return nil
	})
	if err != nil {
		return waits, err
	}
	for i, a := range answers {
		ms, err := a.Int64()
		if err != nil {
			return waits, err
		}
		waits[i] = time.Duration(ms) * time.Millisecond
	}
	return waits, nil
}
