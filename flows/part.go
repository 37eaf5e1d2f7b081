package flows

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
)

// Part executes the part with that number of the step's work on the item as an effect of its own: with the effect, the retry and the
// journal of the step, by the key of in.Within(n). An attempt that finds the result of the part in the journal returns it and does not call
// run; run gets the input of the part. Only a kind with InParts has parts. In tests and rehearsals run is called, and nothing is recorded.
func (in *Input) Part(ctx context.Context, n int, run func(ctx context.Context, in *Input) (any, error)) (any, error) {
	one := in.Within(n)
	if in.p.x.simulated() {
		return run(ctx, one)
	}
	part := *in.p.step
	part.inParts, part.timeout, part.retry.condition = false, 0, nil // the timeout and the condition are those of the whole
	part.runner = RunFunc(func(ctx context.Context, in *Input) ([]any, error) {
		v, err := run(ctx, in)
		return []any{v}, err
	})
	one.p.step = &part
	results, err := one.p.journaled(ctx, one)
	in.p.attempts.Add(max(0, one.p.attempts.Load()-1))
	if err != nil || len(results) == 0 {
		return nil, err
	}
	return results[0], nil
}

// Within returns the input of the part with that number of the step's work on the item: its keys are other ones than those of the item
// and of its other parts. Flows that it calls are called once for each part.
func (in *Input) Within(n int) *Input {
	one := *in
	one.p = &stepRun{x: in.p.x, step: in.p.step, at: in.p.at + strconv.Itoa(in.index) + ".", entry: in.p.entry, items: []item{in.item}}
	one.index, one.outcome, one.again, one.begun = n, nil, "", false
	one.uuids, one.checkpoint, one.advanced = new(atomic.Int64), checkpoint{}, false
	return &one
}

// Begun reports whether an earlier attempt began the effect and left no result, so that it may have happened.
func (in *Input) Begun() bool { return in.begun }

// Replayer is a Runner that is told of the results for items that come from the journal. It is called instead of Run.
type Replayer interface {
	Runner
	// Replayed gets what Run put out in an earlier attempt, or the error that it returned.
	Replayed(ctx context.Context, in *Input, items []any, failed error)
}

// noteReplayed tells the runner of a recorded result.
func (p *stepRun) noteReplayed(ctx context.Context, in *Input, items []any, failed error) {
	if r, ok := p.step.runner.(Replayer); ok {
		r.Replayed(ctx, in, items, failed)
	}
}

// sharedValues are the values of Input.Shared by the path of their step.
type sharedValues struct {
	mu  sync.Mutex
	all map[string]any // guarded by mu
}

// Shared returns the value that all items of the step share in this attempt of the run, in all rounds and calls of the step; make makes it at
// the first call. It must be safe for concurrent use.
func (in *Input) Shared(make func() any) any {
	s := in.p.x.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]any{}
	}
	path := in.p.path()
	if s.all[path] == nil {
		s.all[path] = make()
	}
	return s.all[path]
}
