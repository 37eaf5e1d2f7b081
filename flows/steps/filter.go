package steps

import (
	"context"

	"github.com/penstock/penstock/flows"
)

// filter keeps the items for which a program is true.
func filter() flows.Kind {
	return flows.Kind{
		Name:    "filter",
		Summary: "Keeps the items for which a jq program is true, and drops the others.",
		Doc:     "Everything but `null` and `false` is true, as in jq. A program without a result counts as false.",
		Params: []flows.Param{
			{Name: "when", Type: flows.TypeExpr, Condition: true, Required: true, Inline: true, Summary: "The condition."},
		},
		Example: "filter: .email != null",
		New: func(args *flows.Args) (flows.Runner, error) {
			when := args.Expr("when")
			return flows.RunFunc(func(ctx context.Context, in *flows.Input) ([]any, error) {
				keep, err := when.True(ctx, in)
				if err != nil || !keep {
					return nil, err
				}
				return []any{in.Value()}, nil
			}), nil
		},
	}
}
