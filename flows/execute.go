package flows

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"
)

// maxItems is how many items a step may put out.
const maxItems = 100_000

// execution is one run of a flow. Its fields do not change while it runs.
type execution struct {
	flow    *Flow
	run     Run
	env     Env
	vars    map[string]any
	params  map[string]any
	headers map[string]any
	about   map[string]any // $run
	mocks   map[string]any // of a test; nil: this is no test
}

// item is one record on its way, and where it came from.
type item struct {
	value any
	came  *ancestor
}

// Execute runs the flow on one event and returns the items that the final
// step put out, never nil. The error is *Error. It ends when ctx ends, at the
// run's deadline, or at the flow's limit when the run has none. Safe for
// concurrent use; it starts no goroutine that outlives it.
func (f *Flow) Execute(ctx context.Context, run Run, env Env) ([]any, error) {
	return f.execute(ctx, run, env, nil)
}

func (f *Flow) execute(ctx context.Context, run Run, env Env, mocks map[string]any) ([]any, error) {
	if run.Deadline.IsZero() {
		run.Deadline = time.Now().Add(f.Limit)
	}
	limited, cancel := context.WithDeadline(ctx, run.Deadline)
	defer cancel()
	x := f.begin(run, env)
	x.mocks = mocks
	output, err := x.whole(limited)
	if err != nil {
		return nil, x.ended(ctx, limited, err)
	}
	return output, nil
}

// begin prepares what programs may read, as far as some program does.
func (f *Flow) begin(run Run, env Env) *execution {
	x := &execution{flow: f, run: run, env: env, vars: f.Vars}
	if len(env.Vars) > 0 && f.reads[ofVars] {
		x.vars = maps.Clone(f.Vars)
		for name := range f.Vars {
			if v, ok := env.Vars[name]; ok {
				x.vars[name] = v
			}
		}
	}
	if f.reads[ofParams] {
		x.params = values(run.Params)
	}
	if f.reads[ofHeaders] {
		x.headers = values(run.Headers)
	}
	if f.reads[ofRun] {
		x.about = map[string]any{
			"id": run.ID, "attempt": run.Attempt, "flow": int(f.Number), "version": f.Version,
			"principal": run.Principal, "deadline": run.Deadline.UTC().Format(time.RFC3339Nano),
		}
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

func (x *execution) whole(ctx context.Context) ([]any, error) {
	if x.flow.schema != nil {
		if err := x.flow.schema.Check(x.run.Event); err != nil {
			return nil, &Error{Code: CodeValidation, Message: "event: " + err.Error(), Status: 422, Err: err}
		}
	}
	items, err := x.block(ctx, x.flow.steps, []item{{value: x.run.Event}}, "")
	if err != nil {
		return nil, err
	}
	output := make([]any, len(items))
	left := maxWhole
	for i, it := range items {
		if err := within(it.value, maxDepth, &left); err != nil {
			return nil, &Error{Code: CodeLimit, Message: "the output cannot leave: " + err.Error(), Err: err}
		}
		output[i] = it.value
	}
	return output, nil
}

// ended says why a run ended without output. Steps fail in many ways when
// their time is up: the end of the run explains them all.
func (x *execution) ended(outer, limited context.Context, err error) *Error {
	var known *Error
	switch {
	case limited.Err() == nil && errors.As(err, &known):
		return known
	case errors.Is(outer.Err(), context.Canceled):
		return &Error{Code: CodeCancelled, Message: "the run was cancelled", Err: err}
	case limited.Err() != nil:
		return &Error{Code: CodeTimeout, Message: fmt.Sprintf("the run took longer than its limit of %v", x.flow.Limit), Err: err}
	}
	return &Error{Code: CodeInternal, Message: "the run ended for no known reason", Err: err}
}

// block sends items through steps. at is the indices of the items that led
// here, "3.0.", empty at the top.
func (x *execution) block(ctx context.Context, b *Block, items []item, at string) ([]item, error) {
	var entry *ancestor
	if at != "" && len(items) > 0 {
		entry = items[0].came
	}
	for _, s := range b.steps {
		p := passage{x: x, step: s, at: at, entry: entry}
		var err error
		if items, err = p.run(ctx, items); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// Run sends one item through the block, on behalf of the step that owns it,
// and returns the items that come out.
func (b *Block) Run(ctx context.Context, in *Input) ([]any, error) {
	items, err := in.p.nested(ctx, b, in, in.item.value)
	if err != nil {
		return nil, err
	}
	out := make([]any, len(items))
	for i, it := range items {
		out[i] = it.value
	}
	return out, nil
}
