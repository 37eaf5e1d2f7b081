package limits

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// backoff is the delay of tries after failures.
type backoff struct {
	free    int           // number of failures without a delay
	decay   time.Duration // time after which a failure expires, one failure after the other
	maxWait time.Duration // maximum delay, which doubles from 1 s
}

// nameQuota limits the tries at a name from unknown networks.
type nameQuota struct {
	interval time.Duration // interval of tries
	burst    int           // number of tries available at once after a long pause
	horizon  time.Duration // how far ahead tries are assigned; later ones are told to try again
	holdTime time.Duration // how long an assigned try stays reserved
}

// The rules; docs/security.md gives the reasons. Read only.
var (
	// nameAtNetwork delays tries at a name from the network where they failed: about 18 tries in the first hour, 6 in
	// each further one.
	nameAtNetwork = backoff{5, 10 * time.Minute, 15 * time.Minute}
	// ofNetwork delays tries from a network at names not known there: about 280 tries an hour for all names together.
	ofNetwork = backoff{30, 15 * time.Second, 5 * time.Minute}
	// ofName limits all unknown networks together to 50 tries an hour at a name.
	ofName = nameQuota{90 * time.Second, 10, 15 * time.Minute, time.Minute}
)

const (
	// knownNetworkTTL is how long a network stays known after a name was proved from it.
	knownNetworkTTL = 30 * 24 * time.Hour
	// maxNetworks is the maximum number of known networks of a name; the one proved longest ago is removed first.
	maxNetworks = 100
	// maxStates and stateWindow limit the memory that callers can make Redis use: further states in a window share
	// storage.
	maxStates   = 10_000
	stateWindow = 10 * time.Minute
)

// Attempt is one try to authenticate as a name.
type Attempt struct {
	Name string // with its kind: "user:ann"; it need not exist
	IP   string // address of the caller
}

// Wait is the response to an attempt that is not evaluated, so that a right and a wrong proof are indistinguishable.
// The zero Wait means that there is none.
type Wait struct {
	For     time.Duration // until the next try
	Network bool          // caused by tries at other names from the network
}

// AttemptsConfig configures an Attempts. Redis and Key are required.
type AttemptsConfig struct {
	Redis redis.UniversalClient
	Key   []byte           // secret of the installation for hashing names and networks
	Now   func() time.Time // for tests; nil: the clock of Redis, which all processes share
}

// Attempts is the brute-force guard: it decides across all processes whether an attempt must wait before its proof is
// evaluated. No other code decides that. Names that do not exist are treated like existing ones. Each call is one
// round trip of constant cost. Safe for concurrent use.
type Attempts struct{ config AttemptsConfig }

// NewAttempts returns an Attempts.
func NewAttempts(config AttemptsConfig) (*Attempts, error) {
	if config.Redis == nil || len(config.Key) == 0 {
		return nil, errors.New("new attempts: Redis and Key are required")
	}
	return &Attempts{config}, nil
}

// Check reports whether a proof that is expensive to evaluate may be evaluated. An attempt that must wait is counted;
// for any other one the caller calls Record with the result.
func (a *Attempts) Check(ctx context.Context, t Attempt) (Wait, error) { return a.run(ctx, t, "ask") }

// Record counts an evaluated proof. Only without a Wait may the caller be told the result: else concurrent attempts
// were faster, and this one counts as not evaluated.
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
