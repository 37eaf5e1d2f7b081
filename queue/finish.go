package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"penstock/flows"
)

const (
	finishFlights = 1
	finishBatch   = 128
	finishWait    = 5 * time.Second
	wholeReply    = 64 << 10            // larger outputs are read from the run by who waits for them
	statsTTL      = 90 * 24 * time.Hour // of asynq's daily counts
)

// finishing is one attempt's end on its way to Redis.
type finishing struct {
	attempt *Attempt
	outcome *Outcome // nil: settle only
	failure []byte
	last    bool // the run's last word was this one
	err     error
}

// finish stores the outcome and tells who waits. It insists: an outcome is
// given up only when the run has become somebody else's or ctx ends.
func (s *Server) finish(ctx context.Context, a *Attempt, o Outcome) (bool, error) {
	f := &finishing{attempt: a, outcome: &o}
	if o.Error != nil {
		var err error
		if f.failure, err = json.Marshal(o.Error); err != nil {
			f.failure, _ = json.Marshal(flows.Error{Code: flows.CodeInternal, Message: "the run's error could not be encoded"})
		}
	}
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		s.finishes.do(f)
		if f.err == nil {
			return f.last, nil
		}
		s.cfg.Log.Warn("store result", "run_id", a.ID, "error", f.err)
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("finish run %s: %w", a.ID, f.err)
		case <-time.After(wait):
		}
	}
}

// settle answers asynq's done script for a task of ours; false: not ours.
func (s *Server) settle(task string) bool {
	v, ours := s.ended.LoadAndDelete(task)
	if !ours {
		return false
	}
	if a := v.(*Attempt); !a.settled.Load() {
		s.finishes.do(&finishing{attempt: a}) // what fails here, the reconciler settles
	}
	return true
}

// flushFinishes sends a batch in one script. A lone result is announced at
// once and settled in a call of its own, when nobody waits any more; results
// that come together are settled together.
func (s *Server) flushFinishes(batch []*finishing) {
	ctx, cancel := context.WithTimeout(context.Background(), finishWait)
	defer cancel()
	now := time.Now()
	k := s.keys
	args := make([]any, 0, 7+9*len(batch))
	args = append(args, k.runPrefix(), k.taskPrefix(), k.replyPrefix(), k.journalPrefix(),
		s.cfg.Retention.Milliseconds(), now.Add(statsTTL).Unix(), wholeReply)
	for _, f := range batch {
		args = f.append(args, len(batch) > 1)
	}
	processed := k.asynq + "processed"
	answers, err := finishScript.Run(ctx, s.redis, []string{
		k.active(), k.taskLease(), k.due(), k.index(), processed + ":" + now.UTC().Format(time.DateOnly), processed,
	}, args...).Int64Slice()
	if err == nil && len(answers) != len(batch) {
		err = fmt.Errorf("finish script answered %d of %d", len(answers), len(batch))
	}
	for i, f := range batch {
		if err != nil {
			f.err = redisError("finish run", err)
			continue
		}
		f.err, f.last = nil, answers[i] == 1
		if f.outcome == nil || len(batch) > 1 {
			f.attempt.settled.Store(true)
		}
	}
}

// append lays out the arguments of one attempt, as finish.lua takes them.
func (f *finishing) append(args []any, together bool) []any {
	a := f.attempt
	what := "s"
	if f.outcome != nil {
		what = "f"
		if together {
			what = "fs"
		}
	}
	if a.effects.Load() {
		what += "j"
	}
	o := f.outcome
	if o == nil {
		o = &Outcome{}
	}
	return append(args, a.ID, a.Number, a.task, what, string(o.State), o.Output, f.failure, o.Steps, a.Times.Accepted.UnixMilli())
}

// park lets go of a run until a moment. False: the run is not ours any more.
func (s *Server) park(ctx context.Context, a *Attempt, wake time.Time) (bool, error) {
	ms := int64(math.MaxInt64 / 2)
	if !wake.IsZero() {
		ms = wake.UnixMilli()
	}
	n, err := parkScript.Run(ctx, s.redis,
		[]string{s.keys.runPrefix() + a.ID, s.keys.due(), s.keys.active(), s.keys.taskLease()},
		a.ID, a.Number, ms, s.keys.taskPrefix(), a.task).Int64()
	if err != nil {
		return false, redisError("park run", err)
	}
	return n == 1, nil
}
