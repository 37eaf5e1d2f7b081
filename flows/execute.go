package flows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/flows/internal/jq"
	"github.com/penstock/penstock/internal/budget"
)

// maxItems is the maximum number of output items of a step.
const maxItems = jq.MaxResults

// execution is one run of a flow. Its fields do not change during the run.
type execution struct {
	flow     *Flow
	run      Run
	env      Env
	vars     map[string]any
	varsErr  error // a var has no value
	params   map[string]any
	headers  map[string]any
	listing  map[string]any // $listing
	runInfo  map[string]any // $run
	failure  map[string]any // $error
	mocks    map[string]any // of a test; nil: not a test
	observed *observation   // of a test that compares what was sent; nil: of others
	sequence *mockSequence  // of a test; see mockSequence
	memory   *memoryUse
	shared   *sharedValues

	rehearsal *rehearsal // nil: not a rehearsal

	// Set when another flow called this one:
	prefix string // of journal keys
	trail  string // of step paths
	depth  int    // 0: not called by a flow
}

// simulated reports whether the execution is one of a test or of a rehearsal: items are processed one after the other,
// and nothing waits.
func (x *execution) simulated() bool { return x.mocks != nil || x.rehearsal != nil }

// item is one value that passes through the steps, with its lineage.
type item struct {
	value   any
	lineage *ancestor
}

// Execute runs the flow on one event and returns the output items of the final step, never nil. The error is an
// *Error, or a *Parked when env.Parks. Execute returns when ctx ends, at the run's deadline, or at the flow's limit
// when the run has no deadline. Safe for concurrent use; no goroutine outlives the call.
func (f *Flow) Execute(ctx context.Context, run Run, env Env) ([]any, error) {
	return f.execute(ctx, run, env, nil, nil)
}

func (f *Flow) execute(ctx context.Context, run Run, env Env, mocks map[string]any, observed *observation) ([]any, error) {
	if run.Deadline.IsZero() {
		run.Deadline = time.Now().Add(f.limitOf(&run))
	}
	limited, cancel := context.WithDeadline(ctx, run.Deadline)
	defer cancel()
	x := f.begin(run, env)
	x.observed = observed
	if x.mocks = mocks; mocks != nil {
		x.sequence = &mockSequence{taken: map[string]int{}}
	}
	size, err := measure(run.Event)
	if err == nil {
		err = x.reserve(limited, size)
	}
	if err != nil {
		return nil, &Error{Code: CodeLimit, Message: "event: " + err.Error(), Err: err}
	}
	items, err := x.runAll(limited)
	if err != nil {
		return nil, x.endError(ctx, limited, err)
	}
	return items.Values(), nil
}

// begin prepares the variables that the flow's programs read.
func (f *Flow) begin(run Run, env Env) *execution {
	x := &execution{flow: f, run: run, env: env, memory: newMemoryUse(&env), shared: &sharedValues{}}
	x.vars, x.varsErr = env.varsOf(f)
	if f.reads[ofParams] {
		x.params = values(run.Params)
	}
	if f.HTTP != nil {
		x.setHTTP(run.Event)
	}
	if f.reads[ofHeaders] {
		x.headers = values(run.Headers)
	}
	if f.reads[ofRun] {
		x.runInfo = map[string]any{
			"id": run.ID, "attempt": run.Attempt, "flow": int(f.Number), "version": f.Version,
			"principal": run.Principal, "deadline": run.Deadline.UTC().Format(time.RFC3339Nano),
		}
	}
	if run.Failure != nil {
		x.failure = run.Failure.variable()
	}
	return x
}

func values(texts map[string]string) map[string]any {
	m := make(map[string]any, len(texts))
	for name, s := range texts {
		m[name] = s
	}
	return m
}

// CheckEvent returns why the flow fails at once with the event of a run; nil: it does not. Errors are *Error, and that of ctx.
func (f *Flow) CheckEvent(ctx context.Context, run Run) error {
	return f.begin(run, Env{}).checkEvent(ctx)
}

// checkEvent completes the event of an http trigger, and checks the event.
func (x *execution) checkEvent(ctx context.Context) error {
	if x.flow.HTTP != nil {
		if err := x.prepareHTTP(ctx); err != nil {
			return err
		}
	}
	if x.flow.Messages != nil {
		if err := checkMessage(x.run.Event); err != nil {
			return err
		}
	}
	if x.flow.Batch != nil {
		return x.flow.checkBatch(ctx, x.run.Event)
	}
	if x.flow.schema != nil {
		if err := x.flow.schema.Check(ctx, x.run.Event); err != nil {
			return SchemaError(err, "event: ", 422)
		}
	}
	return nil
}

// runAll executes the whole flow, as a run or as a called flow.
func (x *execution) runAll(ctx context.Context) (Items, error) {
	if x.varsErr != nil {
		return Items{}, x.varsErr
	}
	if x.run.Failure != nil {
		return x.runOnFailure(ctx)
	}
	if err := x.checkEvent(ctx); err != nil {
		return Items{}, err
	}
	items, err := x.block(ctx, x.flow.steps, []item{{value: x.run.Event}}, "")
	if err != nil {
		return Items{}, err
	}
	if err := checkOutput(items); err != nil {
		return Items{}, err
	}
	return items, x.runAfterResponse(ctx, items)
}

// runOnFailure executes the steps of on_failure. The event was checked, or refused, by the run that failed.
func (x *execution) runOnFailure(ctx context.Context) (Items, error) {
	if x.flow.OnFailure == nil {
		return Items{}, &Error{Code: CodeInternal, Message: "this version of the flow has no on_failure"}
	}
	items, err := x.block(ctx, x.flow.OnFailure.steps, []item{{value: x.run.Event}}, "")
	if err != nil {
		return Items{}, err
	}
	return items, checkOutput(items)
}

// checkOutput checks that the output is not too large.
func checkOutput(items Items) error {
	left := jq.MaxValueSize
	for _, it := range items.list {
		if err := jq.CheckElement(it.value, &left); err != nil {
			return &Error{Code: CodeLimit, Message: "the output cannot leave: " + err.Error(), Err: err}
		}
	}
	return nil
}

// runAfterResponse answers the caller and executes the after_response steps. Their output is discarded.
func (x *execution) runAfterResponse(ctx context.Context, items Items) error {
	if x.flow.afterResponse == nil {
		return nil
	}
	if x.env.Respond != nil {
		if err := x.env.Respond(ctx, Response{Items: EncodeJSON(items.Values())}); err != nil {
			return respondError(ctx, err)
		}
	}
	_, err := x.block(ctx, x.flow.afterResponse, items.list, "")
	return err
}

// endError returns the reason for the end of a run without output. When the run's time is up, that is the reason,
// whatever errors the steps returned.
func (x *execution) endError(outer, limited context.Context, err error) error {
	var known *Error
	switch parked := asParked(err); {
	case x.memory.account.Err() != nil: // the account cancelled the context
		return x.pressureError(err)
	case parked != nil && limited.Err() == nil:
		return parked
	case limited.Err() == nil && errors.As(err, &known):
		return known
	case errors.Is(outer.Err(), context.Canceled):
		return &Error{Code: CodeCancelled, Message: "the run was cancelled", Err: err}
	case limited.Err() != nil:
		return &Error{Code: CodeTimeout, Message: fmt.Sprintf("the run took longer than its limit of %v", x.flow.limitOf(&x.run)), Err: err}
	}
	return &Error{Code: CodeInternal, Message: "the run ended for no known reason", Err: err}
}

// pressureError is the failure of a run that was ended to free memory. It names the step when known.
func (x *execution) pressureError(err error) *Error {
	var known *Error
	failed := &Error{Code: CodeLimit, Message: budget.ErrEvicted.Error(), Err: err}
	if errors.As(err, &known) {
		failed.Step, failed.Item = known.Step, known.Item
	}
	return failed
}

// block sends items through a list of steps. at holds the indices of the items that led into the block, "3.0."; empty
// at the top. The caller releases the memory of the returned items.
func (x *execution) block(ctx context.Context, b *Block, items []item, at string) (Items, error) {
	var entry *ancestor
	if at != "" && len(items) > 0 {
		entry = items[0].lineage
	}
	held, kept := int64(0), false // the caller owns the input items
	for _, s := range b.steps {
		p := stepRun{x: x, step: s, at: at, entry: entry}
		var err error
		if items, err = p.run(ctx, items); err != nil {
			x.release(held + p.size.Load())
			return Items{}, err
		}
		if !kept {
			x.release(held)
		}
		held, kept = p.size.Load(), s.recorded // later programs may read recorded items
	}
	return Items{list: items, size: held}, nil
}
