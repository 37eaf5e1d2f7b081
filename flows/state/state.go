// Package state stores in Redis what flows keep between runs: values, locks and rates.
package state

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/redisconn"
)

// operationTTL is how long a repeated operation is recognized: longer than a run may stay between two workers.
const operationTTL = time.Hour

// Each script documents its KEYS, ARGV and reply in its file.
var (
	//go:embed lua/swap.lua
	swapLua string
	//go:embed lua/add.lua
	addLua string
	//go:embed lua/take.lua
	takeLua string

	swapScript = redis.NewScript(swapLua)
	addScript  = redis.NewScript(addLua)
	takeScript = redis.NewScript(takeLua)
)

// State implements flows.State and flows.Pacer. Safe for concurrent use. While Redis is unavailable it waits, until
// the context ends.
type State struct{ redis redis.UniversalClient }

// New returns a State on a client, which stays the caller's. The client may repeat commands whose reply was lost:
// operations have ids.
func New(client redis.UniversalClient) *State { return &State{client} }

// Load implements flows.State.
func (s *State) Load(ctx context.Context, key string) ([]byte, error) {
	var value []byte
	err := redisconn.RetryUntilDone(ctx, func() (err error) {
		value, err = s.redis.HGet(ctx, keysOf(key).value(), "v").Bytes()
		return err
	})
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("load state: %w", err)
	}
	return value, nil
}

// Swap implements flows.State.
func (s *State) Swap(ctx context.Context, c flows.Change) (flows.Swapped, error) {
	k := keysOf(c.Key)
	var answer []string
	err := redisconn.RetryUntilDone(ctx, func() (err error) {
		answer, err = swapScript.Run(ctx, s.redis, []string{k.value(), k.operation(c.ID)},
			conditions[c.If], flag(c.Value != nil), c.Value, millis(c.For), flag(c.Old != nil), c.Old,
			c.ID, c.Key, operationTTL.Milliseconds()).StringSlice()
		return err
	})
	if err != nil || len(answer) == 0 {
		return flows.Swapped{}, fmt.Errorf("change state: %w", err)
	}
	done := flows.Swapped{Done: answer[0] == "1"}
	if len(answer) > 1 {
		done.Value = []byte(answer[1])
	}
	return done, nil
}

// conditions are the names of the conditions in swap.lua. Read only.
var conditions = [...]string{flows.Always: "always", flows.Absent: "absent", flows.Equal: "equal", flows.Free: "free"}

// Add implements flows.State.
func (s *State) Add(ctx context.Context, a flows.Addition) (int64, error) {
	k := keysOf(a.Key)
	var text string
	err := redisconn.RetryUntilDone(ctx, func() (err error) {
		text, err = addScript.Run(ctx, s.redis, []string{k.value(), k.operation(a.ID)},
			a.By, millis(a.For), a.ID, a.Key, operationTTL.Milliseconds()).Text()
		return err
	})
	if err != nil {
		for _, said := range []string{"not an integer", "overflow"} {
			if strings.Contains(err.Error(), said) {
				return 0, fmt.Errorf("add to a value: %w", flows.ErrNoNumber)
			}
		}
		return 0, fmt.Errorf("add to state: %w", err)
	}
	sum, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("add to state: %w", err)
	}
	return sum, nil
}

// Take implements flows.Pacer.
func (s *State) Take(ctx context.Context, key string, rate flows.Rate, maxWait time.Duration) (time.Duration, bool, error) {
	var answer []string
	err := redisconn.RetryUntilDone(ctx, func() (err error) { // a lost reply costs one reservation
		answer, err = takeScript.Run(ctx, s.redis, []string{keysOf(key).moments()},
			rate.Count, rate.Per.Microseconds(), maxWait.Microseconds()).StringSlice()
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("take from a rate: %w", err)
	}
	if len(answer) != 2 {
		return 0, false, fmt.Errorf("take from a rate: the script answered %d values, not 2", len(answer))
	}
	us, err := strconv.ParseInt(answer[1], 10, 64)
	if err != nil {
		return 0, false, fmt.Errorf("take from a rate: %w", err)
	}
	return time.Duration(us) * time.Microsecond, answer[0] == "1", nil
}

// millis converts a time to live for a script; 0 for none.
func millis(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return max(1, d.Milliseconds())
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return ""
}
