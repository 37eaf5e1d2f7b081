package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
)

const (
	finishFlights  = 1
	finishBatch    = 128
	finishWait     = 5 * time.Second
	completeFrom   = 4        // attempts from which on they are settled in the same call: it takes less of Redis, and each reply is a little later
	maxReplyOutput = 64 << 10 // larger outputs are read from the run by who waits for them
)

// finishing is one attempt's end on its way to Redis.
type finishing struct {
	attempt *Attempt
	outcome *Outcome
	failure []byte
	last    bool // the run's last word was this one
	settled bool // nothing is left for settle
	err     error
}

// finish stores the outcome and tells who waits. It insists for as long as the
// worker lives: a Redis that is away comes back, and the outcome is still good
// unless the run has become somebody else's meanwhile.
func (s *Server) finish(a *Attempt, o Outcome) (bool, error) {
	f := &finishing{attempt: a, outcome: &o}
	if o.Error != nil {
		var err error
		if f.failure, err = json.Marshal(o.Error); err != nil {
			f.failure, _ = json.Marshal(flows.Error{Code: flows.CodeInternal, Message: "the run's error could not be encoded"})
		}
	}
	by := s.completions
	if a.Sync {
		by = s.finishes
	}
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		by.do(f)
		if f.err == nil {
			a.settled = f.settled
			return f.last, nil
		}
		s.cfg.Log.Warn("store result", "run_id", a.ID, "error", f.err)
		select {
		case <-s.life.Done():
			return false, fmt.Errorf("finish run %s: %w", a.ID, f.err)
		case <-time.After(wait):
		}
	}
}

// args are the values of one attempt, as finish.lua takes them.
func (f *finishing) args() []any {
	return []any{f.attempt.ID, f.attempt.Number, string(f.outcome.State), f.outcome.Output, f.failure, f.outcome.Steps}
}

// flushFinishes sends a batch to finish.lua, or a larger one to conclude.lua.
func (s *Server) flushFinishes(batch []*finishing) {
	if len(batch) >= completeFrom {
		s.flushCompletions(batch)
		return
	}
	args := make([]any, 0, 2+6*len(batch))
	args = append(args, maxReplyOutput, publishCommand(s.cfg.Redis.Cluster()))
	for _, f := range batch {
		args = append(args, f.args()...)
	}
	s.storeEnds(batch, finishScript, args)
}

// flushConclusions sends a batch to conclude.lua.
func (s *Server) flushCompletions(batch []*finishing) {
	args := make([]any, 0, 4+7*len(batch))
	args = append(args, maxReplyOutput, publishCommand(s.cfg.Redis.Cluster()))
	args = append(args, today()...)
	for _, f := range batch {
		args = append(append(args, f.args()...), s.age(f.attempt))
	}
	if answers := s.storeEnds(batch, completeScript, args); len(answers) > len(batch) {
		s.settler.lines.Store(answers[len(batch)] > 0)
	}
}

// flushEnds calls the script that stores how the attempts of a batch ended, and
// tells each what became of it.
func (s *Server) storeEnds(batch []*finishing, script *redis.Script, args []any) []int64 {
	ctx, cancel := context.WithTimeout(context.Background(), finishWait)
	defer cancel()
	answers, err := script.Run(ctx, s.redis, s.keys.slot(), args...).Int64Slice()
	if err == nil && len(answers) < len(batch) {
		err = fmt.Errorf("a script answered %d of %d", len(answers), len(batch))
	}
	for i, f := range batch {
		if err != nil {
			f.err = redisError("finish run", err)
			continue
		}
		f.err, f.last, f.settled = nil, answers[i] > 0, answers[i] == 2
	}
	return answers
}

// parkedFor is how long a run is parked that nothing but a call shall wake.
const parkUntilCalled = 100 * 365 * 24 * time.Hour

// park lets go of a run until a moment. False: the run is not ours any more.
func (s *Server) park(ctx context.Context, a *Attempt, o Outcome) (bool, error) {
	wait := parkUntilCalled
	if !o.Wake.IsZero() {
		wait = max(0, time.Until(o.Wake)) // Redis' clock is another one
	}
	n, err := parkScript.Run(ctx, s.redis, s.keys.slot(), a.ID, a.Number, wait.Milliseconds(), o.Steps).Int64()
	if err != nil {
		return false, redisError("park run", err)
	}
	return n == 1, nil
}
