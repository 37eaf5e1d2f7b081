package flows

import (
	"context"
	"errors"
	"fmt"
)

// maxCalls is the maximum depth of flows that call each other within one run.
const maxCalls = 8

// Call executes another flow for one item as a part of this run: within its limit, with its journal and its Env. The
// called flow cannot answer the caller; its items are returned. Its steps have the paths "<step>/<step of the flow>".
func (in *Input) Call(ctx context.Context, f *Flow, event any) ([]any, error) {
	x := in.p.x
	if x.depth == maxCalls {
		return nil, &Error{Code: CodeLimit, Message: fmt.Sprintf("flows call each other deeper than %d: does one call itself?", maxCalls)}
	}
	run, env := x.run, x.env
	run.Event, run.Params, run.Headers = event, nil, nil
	env.Respond = nil
	called := f.begin(run, env)
	called.memory, called.depth = x.memory, x.depth+1
	called.prefix, called.trail = in.Key()+"/", in.p.path()+"/"
	items, err := called.runAll(ctx)
	if err != nil {
		return nil, in.p.step.errorFromCalled(err)
	}
	x.release(items.size)
	return items.Values(), nil
}

// errorFromCalled prefixes the step of an error that comes from a called flow with the calling step.
func (s *step) errorFromCalled(err error) error {
	var known *Error
	if !errors.As(err, &known) || known.Step == "" {
		return err
	}
	placed := *known
	placed.Step = s.path + "/" + known.Step
	return &placed
}
