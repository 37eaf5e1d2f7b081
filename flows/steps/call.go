package steps

import (
	"context"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/pinned"
)

// callKind executes another flow.
func callKind() flows.Kind {
	return flows.Kind{
		Name:    "call",
		Summary: "Runs another flow on each item and returns its output.",
		Doc: "The other flow is executed as a part of this run: it has this run's principal and limit, its steps are in this run's record as " +
			"`STEP/THEIRS`, and when it fails this step fails with its code and message. Its responses to a caller are ignored. It is executed in the version " +
			"that is current when the step begins, also when the run is resumed later. Flows may call each other to a depth of 8.\n\n" +
			"With `wait: false` the other flow gets a run of its own, and the item becomes `{run_id, flow}` at once; such runs may start each other to a depth of 32.",
		Params: []flows.Param{
			{Name: "flow", Type: flows.TypeString, Names: flows.ResourceFlow, Required: true, Inline: true, Summary: "The number or slug of the other flow.", Hint: "name the flow as it is; use switch to choose among several"},
			{Name: "event", Type: flows.TypeTemplate, Default: "the item", Summary: "The event of the other flow."},
			{Name: "wait", Type: flows.TypeBool, Default: "true", Summary: "Whether to wait for its items."},
		},
		Example:    "call: constituent-upsert\nevent: {email: \"${ .email }\"}",
		Effect:     flows.Durable,
		ThroughEnv: true,
		New: func(args *flows.Args) (flows.Runner, error) {
			return &callStep{flow: args.String("flow"), event: args.Template("event"), ownRun: args.Has("wait") && !args.Bool("wait")}, nil
		},
	}
}

type callStep struct {
	flow   string
	event  *flows.Template // nil: the item
	ownRun bool            // the other flow gets a run of its own
}

// Effect of a call with a run of its own is to accept that run, once for its key.
func (c *callStep) Effect() flows.Effect {
	if c.ownRun {
		return flows.Idempotent
	}
	return flows.Durable
}

// Run executes the other flow for one item.
func (c *callStep) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	event, err := eventFor(ctx, in, c.event)
	if err != nil {
		return nil, err
	}
	if c.ownRun {
		run, err := startRun(ctx, in, flows.Emission{Flow: c.flow, Event: event})
		return []any{map[string]any{"run_id": run, "flow": c.flow}}, err
	}
	flow, err := pinned.Flow(ctx, in, c.flow)
	if err != nil {
		return nil, err
	}
	return in.Call(ctx, flow, event)
}

// eventFor returns the event for another flow: the rendered template, or the item when t is nil.
func eventFor(ctx context.Context, in *flows.Input, t *flows.Template) (any, error) {
	if t == nil {
		return in.Value(), nil
	}
	return t.Render(ctx, in)
}
