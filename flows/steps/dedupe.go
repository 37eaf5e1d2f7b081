package steps

import (
	"context"
	"errors"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// dedupe passes the first of several items with the same key.
func dedupe() flows.Kind {
	return flows.Kind{
		Name:    "dedupe",
		Summary: "Lets the first item with a key pass; later ones with the same key, within a time, are dropped or get the result of the first.",
		Doc: "Without `steps` repeats are dropped, also when a later step of the flow failed on the first item: put steps that must " +
			"succeed into `steps`. With `steps` the first item goes through them, and with `repeats: previous` a repeat becomes the " +
			"items that they returned. When the steps fail the key is removed, so that the next item with it passes. A repeat that " +
			"comes while the first is in progress fails: `on_error: skip` drops it. Keys belong to the flow and are common to its " +
			"runs and steps.",
		Params: []flows.Param{
			{Name: "key", Type: flows.TypeTemplate, Required: true, Inline: true, Summary: "Items with the same key are repeats."},
			{Name: "for", Type: flows.TypeDuration, Default: "24h", Summary: "How long a key is kept."},
			{Name: "steps", Type: flows.TypeSteps, Summary: "The steps for the first item."},
			{Name: "repeats", Type: flows.TypeEnum, Enum: []string{"drop", "previous"}, Default: "drop", Summary: "What happens to a repeat: it is dropped, or becomes the items that the steps made of the first."},
			scopeParam(),
		},
		Example:      "dedupe: ${ .id }\nfor: 1h",
		Effect:       flows.Durable,
		InternalOnly: true,
		New:          newDedupe,
	}
}

type dedupeStep struct {
	keyedState
	ttl      time.Duration
	steps    *flows.Block // nil: the item passes
	previous bool
}

func newDedupe(args *flows.Args) (flows.Runner, error) {
	d := &dedupeStep{keyedState: newKeyedState("dedupe", "key", args), ttl: 24 * time.Hour, steps: args.Steps("steps")}
	if args.Has("for") {
		if d.ttl = args.Duration("for"); d.ttl == 0 {
			return nil, args.Refuse(problem.OutOfRange, "for", "for: a key must be remembered for some time")
		}
	}
	if d.previous = args.String("repeats") == "previous"; d.previous && d.steps == nil {
		return nil, args.Refuse(problem.DependentKey, "repeats", "repeats: previous needs steps, whose items a repeat becomes")
	}
	return flows.NestFunc(d.nest), nil
}

// inProgress is the stored value of a key until the steps have put out their items.
var inProgress = []byte("null")

func (d *dedupeStep) nest(ctx context.Context, in *flows.Input) (flows.Items, error) {
	key, err := d.key(ctx, in)
	if err != nil {
		return flows.Items{}, err
	}
	values, err := stateOf(in)
	if err != nil {
		return flows.Items{}, err
	}
	var kept []byte
	first, err := in.Remember(ctx, "first", func() (any, error) {
		done, err := values.Swap(ctx, flows.Change{Key: key, Value: inProgress, For: d.ttl, If: flows.Absent, ID: in.RunKey()})
		kept = done.Value
		if err != nil {
			return nil, stateError(ctx, err)
		}
		return done.Done, nil
	})
	switch {
	case err != nil:
		return flows.Items{}, err
	case first == true && d.steps == nil:
		return in.Passthrough(), nil
	case first == true:
		return d.runFirst(ctx, in, values, key)
	case d.previous:
		return d.repeat(ctx, in, values, key, kept)
	}
	return flows.Items{}, nil
}

// runFirst sends the first item through the steps and stores the resulting items.
func (d *dedupeStep) runFirst(ctx context.Context, in *flows.Input, values flows.State, key string) (flows.Items, error) {
	items, err := d.steps.RunItem(ctx, in)
	switch {
	case err != nil && failedForGood(ctx, err):
		removeKey(ctx, values, key, inProgress)
		return items, err
	case err != nil || !d.previous:
		return items, err
	}
	text, err := encodeState(items.Values())
	if err != nil {
		return items, err
	}
	if _, err := values.Swap(ctx, flows.Change{Key: key, Value: text, For: d.ttl}); err != nil {
		return items, stateError(ctx, err)
	}
	return items, nil
}

// repeat returns the items stored for the first item.
func (d *dedupeStep) repeat(ctx context.Context, in *flows.Input, values flows.State, key string, kept []byte) (flows.Items, error) {
	if kept == nil { // the run was resumed
		var err error
		if kept, err = values.Load(ctx, key); err != nil {
			return flows.Items{}, stateError(ctx, err)
		}
	}
	v, err := decodeState(kept)
	if err != nil {
		return flows.Items{}, err
	}
	items, ok := v.([]any)
	if !ok {
		return flows.Items{}, failure.Errorf("the first item with this key is still on its way")
	}
	return in.NewItems(items...)
}

// failedForGood reports whether the nested steps have failed and will not be executed again, by this attempt or by
// another worker.
func failedForGood(ctx context.Context, err error) bool {
	var parked *flows.Parked
	if errors.As(err, &parked) {
		return false
	}
	return ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(context.Cause(ctx), context.Canceled)
}

// removeTimeout limits the removal of a key after a failure.
const removeTimeout = 2 * time.Second

// removeKey removes a value if it is unchanged. A value that cannot be removed expires.
func removeKey(ctx context.Context, values flows.State, key string, value []byte) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	_, _ = values.Swap(ctx, flows.Change{Key: key, If: flows.Equal, Old: value})
}
