package steps

import "github.com/penstock/penstock/flows"

// transform replaces an item by the results of a program.
func transform() flows.Kind {
	return flows.Kind{
		Name:    "transform",
		Summary: "Replaces the item by the results of a jq program, each an item of its own.",
		Doc:     "A program without a result drops the item.",
		Params: []flows.Param{
			{Name: "program", Type: flows.TypeExpr, Required: true, Inline: true, Summary: "The jq program."},
		},
		Example: "transform: '{id: .body.id, created: true}'",
		New: func(args *flows.Args) (flows.Runner, error) {
			return programStep{args.Expr("program")}, nil
		},
	}
}
