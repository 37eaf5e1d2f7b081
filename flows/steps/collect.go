package steps

import "github.com/penstock/penstock/flows"

// collect applies a program to all items at once.
func collect() flows.Kind {
	return flows.Kind{
		Name:    "collect",
		Summary: "Applies a jq program to the array of all items; each result is an item.",
		Doc: "Sorting, grouping, limiting and summing need all items at once. The results have no single ancestor: later programs " +
			"cannot name `$steps` from before a collect. It runs once, also when no item arrives; the array is then empty.",
		Params: []flows.Param{
			{Name: "program", Type: flows.TypeExpr, Required: true, Inline: true, Summary: "The jq program; `.` is the array of all items."},
		},
		Example:    "collect: 'if length == 0 then {missing: true} else .[] end'",
		Aggregates: true,
		New: func(args *flows.Args) (flows.Runner, error) {
			return programStep{args.Expr("program")}, nil
		},
	}
}
