package limits

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// backoff is how failures slow down the next try.
type backoff struct {
	free    int           // failures without any wait
	decay   time.Duration // after which a failure counts no more, one after the other
	maxWait time.Duration // of one wait, which doubles from 1 s
}

// nameQuota is how those who are not known at a network take turns at a name.
type nameQuota struct {
	interval time.Duration // between two
	burst    int           // that may be taken at once when nobody came for long
	horizon  time.Duration // for which turns are promised; who comes then is told to try again
	holdTime time.Duration // for which a promised turn waits for its holder
}

// The rule, whose reasons are in docs/security.md. Read only.
var (
	// nameAtNetwork slows down a name where it fails: about 18 tries in the
	// first hour, 6 in the next ones.
	nameAtNetwork = backoff{5, 10 * time.Minute, 15 * time.Minute}
	// ofNetwork slows down names that are not known at a network: about 280
	// tries an hour, whatever names.
	ofNetwork = backoff{30, 15 * time.Second, 5 * time.Minute}
	// ofName makes all who are not known share 50 tries an hour.
	ofName = nameQuota{90 * time.Second, 10, 15 * time.Minute, time.Minute}
)

const (
	// knownNetworkTTL is how long a network is known where a name was proved.
	knownNetworkTTL = 30 * 24 * time.Hour
	// maxNetworks bounds the networks of a name that are known; those that were
	// proved longest ago go first.
	maxNetworks = 100
	// maxStates and stateWindow bound what others can make Redis hold: beyond
	// so many states in a window, new ones are shared.
	maxStates   = 10_000
	stateWindow = 10 * time.Minute
)

// Attempt is one try to prove a name.
type Attempt struct {
	Name string // with its kind: "user:ann"; there need not be one
	IP   string // where it comes from
}

// Wait is what an attempt is answered with that is not evaluated: a right
// proof and a wrong one are not told apart. The zero Wait is none.
type Wait struct {
	For     time.Duration // until the next try may come
	Network bool          // because of other names at the network
}

// AttemptsConfig is what an Attempts needs. Redis and Key are required.
type AttemptsConfig struct {
	Redis redis.UniversalClient
	Key   []byte           // secret of the installation, under which names and networks are hashed
	Now   func() time.Time // for tests; nil: the clock of Redis, which all processes share
}

// Attempts decides, across all processes, who must wait before a proof is
// evaluated. It is the only place that does. Names that do not exist are
// treated like those that do. Each call is one round trip of constant cost.
// Safe for concurrent use.
type Attempts struct{ config AttemptsConfig }

// NewAttempts makes an Attempts.
func NewAttempts(config AttemptsConfig) (*Attempts, error) {
	if config.Redis == nil || len(config.Key) == 0 {
		return nil, errors.New("new attempts: Redis and Key are required")
	}
	return &Attempts{config}, nil
}

// Check says whether a proof may be evaluated that is expensive to evaluate.
// One that must wait was counted; of one that need not, Record tells the end.
func (a *Attempts) Check(ctx context.Context, t Attempt) (Wait, error) { return a.run(ctx, t, "ask") }

// Record counts a proof that was evaluated. What it was may be told only
// without a Wait: others were faster, and this one counts as not evaluated.
func (a *Attempts) Record(ctx context.Context, t Attempt, right bool) (Wait, error) {
	if right {
		return a.run(ctx, t, "right")
	}
	return a.run(ctx, t, "wrong")
}

func (a *Attempts) run(ctx context.Context, t Attempt, mode string) (Wait, error) {
	network := Network(t.IP)
	var now any = ""
	if a.config.Now != nil {
		now = a.config.Now().UnixMilli()
	}
	p, n, o := nameAtNetwork, ofNetwork, ofName
	answer, err := attemptScript.Run(ctx, a.config.Redis, a.keys(t.Name, network),
		mode, now, a.hash("known", t.Name, network),
		p.free, p.decay.Milliseconds(), p.maxWait.Milliseconds(),
		n.free, n.decay.Milliseconds(), n.maxWait.Milliseconds(),
		o.interval.Milliseconds(), o.burst, o.horizon.Milliseconds(), o.holdTime.Milliseconds(),
		knownNetworkTTL.Milliseconds(), maxNetworks, maxStates, stateWindow.Milliseconds(),
	).Int64Slice()
	if err != nil {
		return Wait{}, fmt.Errorf("count attempt: %w", err)
	}
	const becauseNetwork = 2 // see attempt.lua
	return Wait{time.Duration(answer[0]) * time.Millisecond, answer[1] == becauseNetwork}, nil
}
