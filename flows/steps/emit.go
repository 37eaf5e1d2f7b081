package steps

import (
	"context"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// emitWindow is how long the key of an emitted run is stored.
const emitWindow = 24 * time.Hour

// emit starts runs of another flow.
func emit() flows.Kind {
	return flows.Kind{
		Name:    "emit",
		Summary: "Starts a run of another flow for each item, now or later; the item passes unchanged.",
		Doc: "The run is accepted when the step ends, and executes on its own: it has no waiter. With a `key`, runs of that flow with the same key " +
			"are one run, for 24 hours; without one, each item starts a run, once, also when this run is resumed. To have the run's id, use `call` with `wait: false`. " +
			"Runs may start each other to a depth of 32; the next one fails, so that a flow that starts itself ends. Runs that start at least a minute later do not count.",
		Params: []flows.Param{
			{Name: "flow", Type: flows.TypeString, Names: flows.ResourceFlow, Required: true, Inline: true, Summary: "The number or slug of the other flow.", Hint: "name the flow as it is; use switch to choose among several"},
			{Name: "event", Type: flows.TypeTemplate, Default: "the item", Summary: "The event of the other flow."},
			{Name: "after", Type: flows.TypeDuration, Summary: "How long from now the run starts."},
			{Name: "at", Type: flows.TypeTemplate, Summary: "When the run starts, a time in RFC 3339."},
			{Name: "key", Type: flows.TypeTemplate, Summary: "Runs with the same key are one run."},
		},
		Example:      "emit: send-receipt\nevent: {to: \"${ .email }\"}\nkey: receipt-${ .gift_id }",
		Effect:       flows.Idempotent,
		InternalOnly: true,
		New: func(args *flows.Args) (flows.Runner, error) {
			if args.Has("after") && args.Has("at") {
				return nil, args.Refuse(problem.ExclusiveKeys, "at", "after and at exclude each other")
			}
			e := &emitStep{flow: args.String("flow"), event: args.Template("event"), after: args.Duration("after"), at: args.Template("at"), key: args.Template("key")}
			return flows.RunFunc(e.run), nil
		},
	}
}

type emitStep struct {
	flow  string
	event *flows.Template // nil: the item
	after time.Duration
	at    *flows.Template // nil: after applies
	key   *flows.Template // nil: one key for each run, step and item
}

func (e *emitStep) run(ctx context.Context, in *flows.Input) ([]any, error) {
	event, err := eventFor(ctx, in, e.event)
	if err != nil {
		return nil, err
	}
	emission := flows.Emission{Flow: e.flow, Event: event}
	if e.after > 0 {
		emission.At = flows.Now(ctx).Add(e.after)
	}
	if e.at != nil {
		if emission.At, err = renderTime(ctx, in, "at", e.at); err != nil {
			return nil, err
		}
	}
	if e.key != nil {
		if emission.Key, err = e.key.Text(ctx, in); err != nil {
			return nil, err
		}
		if emission.Key == "" {
			return nil, failure.Errorf("the key is empty")
		}
	}
	_, err = startRun(ctx, in, emission)
	return []any{in.Value()}, err
}

// startRun starts a run of another flow. Without a key it is one run for each run, step and item.
func startRun(ctx context.Context, in *flows.Input, e flows.Emission) (string, error) {
	if in.Env().Emit == nil {
		return "", failure.Errorf("no runs can be started here")
	}
	if e.Key == "" {
		e.Key = "step:" + in.RunKey()
	} else {
		e.Key = "key:" + e.Key
	}
	e.Window = emitWindow
	return in.Env().Emit.Emit(ctx, e)
}

// renderTime renders a template as a time (RFC 3339).
func renderTime(ctx context.Context, in *flows.Input, param string, t *flows.Template) (time.Time, error) {
	said, err := t.Text(ctx, in)
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339, said)
	if err != nil {
		return time.Time{}, failure.Errorf("%s: %q is no time such as 2026-11-21T20:00:00Z", param, failure.ShortLine(said))
	}
	return at, nil
}
