package schedule

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
)

// Each script documents its KEYS, ARGV and reply in its file.
var (
	//go:embed lua/take.lua
	takeLua string
	//go:embed lua/decide.lua
	decideLua string

	takeScript   = redis.NewScript(takeLua)
	decideScript = redis.NewScript(decideLua)
)

// mark is the last decision for a flow.
type mark struct { // zero: none yet
	at  time.Time // last started run; empty: none
	run string    // started last; empty: none
}

// otherDecides is the script's reply for a flow that another worker has claimed.
const otherDecides = "-"

// decide claims the flows and decides on the claimed ones.
func (s *Scheduler) decide(ctx context.Context, come []*flows.Flow) error {
	if len(come) == 0 {
		return nil
	}
	args := []any{s.config.ID, claimFor.Milliseconds()}
	for _, flow := range come {
		args = append(args, flow.Number)
	}
	asked := time.Now()
	answer, err := takeScript.Run(ctx, s.config.Redis, []string{keyMarks, keyClaims}, args...).StringSlice()
	if err != nil {
		return fmt.Errorf("claim flows: %w", err)
	}
	if len(answer) != len(come)+1 {
		return fmt.Errorf("claim flows: the script answered %d of %d", len(answer)-1, len(come))
	}
	if ms, err := strconv.ParseInt(answer[0], 10, 64); err == nil {
		s.ahead = time.UnixMilli(ms).Sub(asked)
	}
	var failures []error
	for i, flow := range come {
		if answer[i+1] != otherDecides { // else it is checked again soon
			m, err := s.one(ctx, flow, parseMark(answer[i+1]))
			failures = append(failures, err, s.record(ctx, flow.Number, m, false))
		}
	}
	return errors.Join(failures...)
}

// Mark is what was decided last for a flow with a schedule.
type Mark struct {
	At  time.Time // the last time that was decided on
	Run string    // the run that was started last; empty: none
}

// Marks returns the last decisions by flow.
func Marks(ctx context.Context, c redis.UniversalClient) (map[int64]Mark, error) {
	texts, err := c.HGetAll(ctx, keyMarks).Result()
	if err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	all := make(map[int64]Mark, len(texts))
	for flow, text := range texts {
		if number, err := strconv.ParseInt(flow, 10, 64); err == nil {
			m := parseMark(text)
			all[number] = Mark{At: m.at, Run: m.run}
		}
	}
	return all, nil
}

func parseMark(text string) mark {
	seconds, run, _ := strings.Cut(text, " ")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return mark{}
	}
	return mark{at: time.Unix(n, 0), run: run}
}

// record updates the mark of a flow, and releases the claim unless keep is set.
func (s *Scheduler) record(ctx context.Context, flow int64, m mark, keep bool) error {
	at, hold := "", int64(0)
	if !m.at.IsZero() {
		at = strconv.FormatInt(m.at.Unix(), 10)
	}
	if keep {
		hold = claimFor.Milliseconds()
	}
	err := decideScript.Run(ctx, s.config.Redis, []string{keyMarks, keyClaims}, s.config.ID, flow, at, m.run, hold).Err()
	if err != nil && !errors.Is(err, redis.Nil) { // Nil: the script returns nothing
		return fmt.Errorf("mark flow %d: %w", flow, err)
	}
	return nil
}
