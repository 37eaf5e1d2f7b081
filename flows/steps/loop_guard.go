package steps

import (
	"context"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// loopGuard drops changes that would bounce between two systems.
func loopGuard() flows.Kind {
	return flows.Kind{
		Name:    "loop_guard",
		Summary: "Drops an item whose record was changed in the other direction a short while ago, so that changes do not bounce between two systems.",
		Doc: "Each of the two flows has a loop_guard with the same `key` for the same record and its own direction, `way`. An item " +
			"that passes blocks its record for the other direction; changes in the same direction pass, and each of them restarts " +
			"the time.\n\n" +
			"Put the step before the one that writes. `between` separates pairs of systems that use the same keys.",
		Params: []flows.Param{
			{Name: "key", Type: flows.TypeTemplate, Required: true, Summary: "The key of the record, the same in both flows."},
			{Name: "way", Type: flows.TypeString, Required: true, Summary: "The direction of this flow, in a word."},
			{Name: "for", Type: flows.TypeDuration, Default: "1h", Summary: "How long the other direction is blocked after a change."},
			{Name: "between", Type: flows.TypeString, Summary: "The pair of systems, in a word."},
		},
		Example:      "loop_guard: {key: \"person:${ .id }\", way: crm-to-web}",
		Effect:       flows.Idempotent,
		InternalOnly: true,
		New:          newLoopGuard,
	}
}

func newLoopGuard(args *flows.Args) (flows.Runner, error) {
	guard := keyedState{kind: "loop_guard/" + args.String("between"), name: args.Template("key"), shared: true}
	way, hold := flows.EncodeJSON(args.String("way")), time.Hour
	if args.Has("for") {
		if hold = args.Duration("for"); hold == 0 {
			return nil, args.Refuse(problem.OutOfRange, "for", "for: the other way must be blocked for some time")
		}
	}
	return flows.RunFunc(func(ctx context.Context, in *flows.Input) ([]any, error) {
		key, err := guard.key(ctx, in)
		if err != nil {
			return nil, err
		}
		values, err := stateOf(in)
		if err != nil {
			return nil, err
		}
		mine, err := values.Swap(ctx, flows.Change{Key: key, Value: way, For: hold, If: flows.Free, Old: way, ID: in.RunKey()})
		if err != nil {
			return nil, stateError(ctx, err)
		}
		if !mine.Done {
			return nil, nil
		}
		return []any{in.Value()}, nil
	}), nil
}
