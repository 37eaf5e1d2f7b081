package n8n

import (
	"maps"
	"slices"
)

// Expr returns the jq program for an expression. Its input is the item. The time zone is UTC.
func Expr(src string) (string, error) {
	t, _, err := jqExpr(src, &place{w: &workflow{}, node: &node{}})
	return t.code, err
}

// Kinds returns the types of nodes that are known.
func Kinds() []string {
	names := slices.Sorted(maps.Keys(kinds))
	return slices.DeleteFunc(append(names, slices.Sorted(maps.Keys(services))...), func(name string) bool { return name == loopBack })
}
