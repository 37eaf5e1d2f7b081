package queue

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
)

const (
	finishFlights  = 1
	finishBatch    = 128
	finishWait     = 5 * time.Second
	completeFrom   = 4        // size of a batch from which on complete.lua is used: less work for Redis, but each reply is sent a little later
	maxReplyOutput = 64 << 10 // bytes; a larger output is stored in pieces, and the API process reads it from the record
)

// finishing is the end of an attempt in a batch, with its reply.
type finishing struct {
	attempt *Attempt
	outcome *Outcome
	output  any // the output, or the reference to its pieces
	failure []byte
	last    bool // the attempt has ended its run; false: it was stale
	settled bool // the run is settled already
	err     error
}

// finish stores the outcome and publishes the result. It retries until it is done or
// the server's life ends: the outcome stays valid while Redis does not answer. False:
// the attempt is stale, and nothing was stored.
func (s *Server) finish(a *Attempt, o Outcome) (bool, error) {
	f := &finishing{attempt: a, outcome: &o, output: o.Output}
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
	if len(o.Output) > maxReplyOutput {
		reference, err := a.storePieces(s.life, "output", o.Output)
		switch {
		case errors.Is(err, ErrLost):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("finish run %s: %w", a.ID, err)
		}
		f.output = reference
	}
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		by.Do(f)
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

// args are the arguments of one attempt in finish.lua and complete.lua.
func (f *finishing) args() []any {
	return []any{f.attempt.ID, f.attempt.Number, string(f.outcome.State), f.output, f.failure, f.outcome.Steps}
}

// flushFinishes sends a batch to finish.lua, or to complete.lua when it is large.
func (s *Server) flushFinishes(batch []*finishing) {
	if len(batch) >= completeFrom {
		s.flushCompletions(batch)
		return
	}
	args := make([]any, 0, 2+6*len(batch))
	args = append(args, publishCommand(s.cfg.Redis.Cluster()), s.cfg.ID)
	for _, f := range batch {
		args = append(args, f.args()...)
	}
	s.storeEnds(batch, finishScript, args)
}

// flushCompletions sends a batch to complete.lua.
func (s *Server) flushCompletions(batch []*finishing) {
	args := make([]any, 0, 4+7*len(batch))
	args = append(args, publishCommand(s.cfg.Redis.Cluster()))
	args = append(append(args, today()...), s.cfg.ID)
	for _, f := range batch {
		args = append(append(args, f.args()...), scriptFlag(f.attempt.wasVisible()))
	}
	if answers := s.storeEnds(batch, completeScript, args); len(answers) > len(batch) {
		s.settler.lines.Store(answers[len(batch)] > 0)
	}
}

// storeEnds calls the script that stores the ends of a batch, and sets the reply of
// each. It returns all values of the script's reply.
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

// parkUntilCalled is the parking time of a run that only a callback wakes.
const parkUntilCalled = 100 * 365 * 24 * time.Hour

// park parks the run until o.Wake. False: the attempt is stale.
func (s *Server) park(ctx context.Context, a *Attempt, o Outcome) (bool, error) {
	wait := parkUntilCalled
	if !o.Wake.IsZero() {
		wait = max(0, time.Until(o.Wake)) // as a duration, because the clock of Redis may differ
	}
	n, err := parkScript.Run(ctx, s.redis, s.keys.slot(), a.ID, a.Number, wait.Milliseconds(), o.Steps, s.cfg.ID, o.Retry.encode(), flag(o.Bound)).Int64()
	if err != nil {
		return false, redisError("park run", err)
	}
	return n == 1, nil
}

// Respond stores the early response of the flow and publishes it to the waiting API
// processes. Only the first one of a run is stored; further calls have no effect.
// Errors: ErrLost when the attempt is stale, ErrFull, ErrUnavailable.
func (a *Attempt) Respond(ctx context.Context, answer flows.Response) error {
	text, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	s := a.server
	stored := any(text)
	if len(text) > maxReplyOutput {
		// The key is another one for each call, because only the first response counts.
		stored, err = a.storePieces(ctx, "early."+rand.Text(), text)
		switch {
		case errors.Is(err, ErrLost):
			return ErrLost
		case err != nil:
			return redisError("respond", err)
		}
	}
	n, err := respondScript.Run(ctx, s.redis, s.keys.slot(), a.ID, a.Number, stored, publishCommand(s.cfg.Redis.Cluster()), s.cfg.ID).Int64()
	if err != nil {
		return redisError("respond", err)
	}
	if n == 0 {
		return ErrLost
	}
	return nil
}

func decodeAnswer(text string) (*flows.Response, error) {
	if text == "" {
		return nil, nil
	}
	answer := &flows.Response{}
	if err := json.Unmarshal([]byte(text), answer); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	return answer, nil
}
