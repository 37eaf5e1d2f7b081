package steps

import "github.com/penstock/penstock/flows"

// split turns one item into many.
func split() flows.Kind {
	return flows.Kind{
		Name:    "split",
		Summary: "Makes one item of each result of a jq program.",
		Doc:     "It is the same as transform, for programs that make many items of one: they iterate over a list with `[]`.",
		Params: []flows.Param{
			{Name: "over", Type: flows.TypeExpr, Required: true, Inline: true, Summary: "The program, such as `.rows[]`."},
		},
		Example: "split: (.body.value // [])[]",
		New: func(args *flows.Args) (flows.Runner, error) {
			over := args.Expr("over")
			if over.IsPath() {
				return nil, args.Errorf("over", "%s is one value: write %s[] for an item of each of its elements", over, over)
			}
			return programStep{over}, nil
		},
	}
}
