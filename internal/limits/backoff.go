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
type Backoff struct {
	redis redis.UniversalClient
	local bool // a name is slowed down only where it is attacked from
}

// NewBackoff makes a Backoff.
func NewBackoff(client redis.UniversalClient) *Backoff { return &Backoff{client, false} }

// NewLocalBackoff makes a Backoff that slows a name down only where it is
// attacked from: for secrets that are too long to be guessed from many places,
// and owners who are programs and do not wait.
func NewLocalBackoff(client redis.UniversalClient) *Backoff { return &Backoff{client, true} }

// counter counts the failures that a policy looks at.
type counter struct {
	policy
	key string
}

func (b *Backoff) counters(name, ip string) []counter {
	network := Network(ip)
	all := []counter{
		{perBoth, keyFailures(perBoth.name, name, network)},
		{perAddress, keyFailures(perAddress.name, network)},
	}
	if !b.local {
		all = append(all, counter{perName, keyFailures(perName.name, name)})
	}
	return all
}

// Delay returns how long a proof of a name from an address must wait.
func (b *Backoff) Delay(ctx context.Context, name, ip string) (d Delay, err error) {
	err = b.each(ctx, name, ip, func(p redis.Pipeliner, c counter) *redis.Cmd {
		return waitScript.Eval(ctx, p, []string{c.key}) // EVALSHA in a pipeline cannot fall back
	}, func(c counter, wait time.Duration) {
		if c.policy == perAddress {
			d.Address = wait
		} else {
			d.Name = max(d.Name, wait)
		}
	})
	if err != nil {
		return Delay{}, fmt.Errorf("read failures: %w", err)
	}
	return d, nil
}

// Fail counts a failed proof.
func (b *Backoff) Fail(ctx context.Context, name, ip string) error {
	err := b.each(ctx, name, ip, func(p redis.Pipeliner, c counter) *redis.Cmd {
		return failScript.Eval(ctx, p, []string{c.key}, c.free, c.longest.Milliseconds(), forget.Milliseconds())
	}, func(counter, time.Duration) {})
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

// each runs a script for each counter, in one round trip, and hands on the
// waits that it answers.
func (b *Backoff) each(ctx context.Context, name, ip string, run func(redis.Pipeliner, counter) *redis.Cmd, waits func(counter, time.Duration)) error {
	counters := b.counters(name, ip)
	answers := make([]*redis.Cmd, len(counters))
	_, err := b.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, c := range counters {
			answers[i] = run(p, c)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, c := range counters {
		ms, err := answers[i].Int64()
		if err != nil {
			return err
		}
		waits(c, time.Duration(ms)*time.Millisecond)
	}
	return nil
}
