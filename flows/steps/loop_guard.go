package steps

import (
	"context"
	"time"

	"github.com/penstock/penstock/flows"
)

// loopGuard drops changes that would bounce between two systems.
func loopGuard() flows.Kind {
	return flows.Kind{
		Name:    "loop_guard",
		Summary: "Drops an item whose record was changed the other way a short while ago, so that changes do not bounce between two systems.",
		Doc: "Each of the two flows has a loop_guard with the same `key` for the same record and a `way` of its own. An item that passes " +
			"blocks its record for the other way; changes that go the same way pass, and each of them begins the time anew.\n\n" +
			"The guard stands before the step that writes. `between` keeps apart pairs of systems that use the same keys.",
		Params: []flows.Param{
			{Name: "key", Type: flows.TypeTemplate, Required: true, Summary: "What both flows call the record."},
			{Name: "way", Type: flows.TypeString, Required: true, Summary: "Which way this flow goes, in a word."},
			{Name: "for", Type: flows.TypeDuration, Default: "1h", Summary: "How long the other way is blocked after a change."},
			{Name: "between", Type: flows.TypeString, Summary: "What the two flows sync, in a word."},
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
			return nil, args.Errorf("for", "for: the other way must be blocked for some time")
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
