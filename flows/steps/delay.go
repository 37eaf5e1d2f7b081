package steps

import (
	"context"
	"time"

	"penstock/flows"
)

// delay holds an item for a while.
func delay() flows.Kind {
	return flows.Kind{
		Name:    "delay",
		Summary: "Holds each item for a while, then lets it pass unchanged.",
		Doc: "Items wait side by side, up to `concurrency` at once (1 unless the step says more). The run holds its worker meanwhile, " +
			"and the time counts towards the run's limit.",
		Params: []flows.Param{
			{Name: "for", Type: flows.TypeDuration, Inline: true, OneOf: "when", Summary: "How long."},
			{Name: "until", Type: flows.TypeTemplate, OneOf: "when", Summary: "A time as RFC 3339 has it; one that has passed does not hold."},
		},
		Example: "delay: 2s",
		New: func(args *flows.Args) (flows.Runner, error) {
			d := delayStep{hold: args.Duration("for"), until: args.Template("until")}
			return flows.RunFunc(d.run), nil
		},
	}
}

type delayStep struct {
	hold  time.Duration
	until *flows.Template // nil: hold counts
}

func (d delayStep) run(ctx context.Context, in *flows.Input) ([]any, error) {
	hold := d.hold
	if d.until != nil {
		said, err := d.until.Text(ctx, in)
		if err != nil {
			return nil, err
		}
		at, err := time.Parse(time.RFC3339, said)
		if err != nil {
			return nil, stepError("until: %q is no time such as 2026-11-21T20:00:00Z", shortLine(said))
		}
		hold = time.Until(at)
	}
	timer := time.NewTimer(hold)
	defer timer.Stop()
	select {
	case <-timer.C:
		return []any{in.Value()}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
