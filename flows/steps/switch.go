package steps

import (
	"context"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// switchKind sends each item through the steps of one branch.
func switchKind() flows.Kind {
	return flows.Kind{
		Name:    "switch",
		Summary: "Sends each item through the steps of the first branch whose condition is true.",
		Doc: "Each item goes through its branch separately: a collect inside a branch gets only the items made from that one. " +
			"Results come in the order of the items. An item that no branch takes passes unchanged.",
		Params: []flows.Param{
			{Name: "branches", Type: flows.TypeList, Required: true, Inline: true, Summary: "The branches, in order.", Fields: []flows.Param{
				{Name: "when", Type: flows.TypeExpr, Condition: true, Summary: "Selects the items for which this is true; they go through `steps`."},
				{Name: "steps", Type: flows.TypeSteps, OneOf: "steps", Summary: "The steps of the branch."},
				{Name: "else", Type: flows.TypeSteps, OneOf: "steps", Summary: "The steps for all items left, without a `when`; the last branch."},
			}},
		},
		Example: "switch:\n  - when: .missing\n    steps:\n      - fail: nobody has that address\n  - else:\n      - set: {found: true}",
		New:     newSwitch,
	}
}

// switchBranch is one branch; when is nil for else.
type switchBranch struct {
	when  *flows.Expr
	steps *flows.Block
}

func newSwitch(args *flows.Args) (flows.Runner, error) {
	list := args.List("branches")
	if len(list) == 0 {
		return nil, args.Refuse(problem.DependentKey, "branches", "a switch needs at least one branch")
	}
	branches := make([]switchBranch, len(list))
	for i, b := range list {
		switch {
		case b.Has("steps") && !b.Has("when"):
			return nil, b.Refuse(problem.RequiredKey, "steps", "when is missing: write else for the steps of all items left")
		case b.Has("else") && b.Has("when"):
			return nil, b.Refuse(problem.MeaninglessKey, "when", "when belongs to steps, else has no condition")
		case b.Has("else") && i < len(list)-1:
			return nil, b.Refuse(problem.UnreachableStep, "else", "else is the last branch: those after it are never reached")
		}
		branches[i] = switchBranch{when: b.Expr("when"), steps: b.Steps("steps")}
		if b.Has("else") {
			branches[i].steps = b.Steps("else")
		}
	}
	return flows.RouteFunc(func(ctx context.Context, in *flows.Input) (*flows.Block, error) {
		for _, b := range branches {
			if b.when == nil {
				return b.steps, nil
			}
			if taken, err := b.when.True(ctx, in); err != nil || taken {
				return b.steps, err
			}
		}
		return nil, nil
	}), nil
}
