package steps

import (
	"context"
	"time"

	"github.com/penstock/penstock/flows"
)

// delay delays an item.
func delay() flows.Kind {
	return flows.Kind{
		Name:    "delay",
		Summary: "Delays items; they then pass unchanged.",
		Doc: "All items of the step wait at the same time. A wait of more than five seconds parks the run: it occupies no worker, " +
			"and the time does not count towards the run's limit. Tests do not wait.",
		Params: []flows.Param{
			{Name: "for", Type: flows.TypeDuration, Inline: true, OneOf: "when", Summary: "How long, from the moment at which the step begins."},
			{Name: "until", Type: flows.TypeTemplate, OneOf: "when", Summary: "A time in RFC 3339; if it has passed, the step does not wait."},
		},
		Example:      "delay: 2s",
		Effect:       flows.Durable,
		InternalOnly: true,
		New: func(args *flows.Args) (flows.Runner, error) {
			d := delayStep{duration: args.Duration("for"), until: args.Template("until")}
			return flows.RunFunc(d.run), nil
		},
	}
}

type delayStep struct {
	duration time.Duration
	until    *flows.Template // nil: duration applies
}

func (d delayStep) run(ctx context.Context, in *flows.Input) ([]any, error) {
	at, err := d.end(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := in.WaitUntil(ctx, at); err != nil {
		return nil, err
	}
	return []any{in.Value()}, nil
}

// end returns the time at which the delay of the item ends.
func (d delayStep) end(ctx context.Context, in *flows.Input) (time.Time, error) {
	if d.until == nil {
		began, err := in.Began(ctx)
		return began.Add(d.duration), err
	}
	at, err := renderTime(ctx, in, "until", d.until)
	if err != nil || time.Until(at) <= flows.ParkAfter {
		return at, err
	}
	// A resumed run must not start to wait again.
	v, err := in.Remember(ctx, "until", func() (any, error) { return at.UTC().Format(time.RFC3339Nano), nil })
	if err != nil {
		return at, err
	}
	said, _ := v.(string)
	return time.Parse(time.RFC3339Nano, said)
}
