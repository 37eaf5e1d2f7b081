package picture

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// plain is a node without what stands before it.
func plain(n ast.Node) ast.Node {
	switch n := n.(type) {
	case *ast.AnchorNode:
		return plain(n.Value)
	case *ast.TagNode:
		return plain(n.Value)
	}
	return n
}

// members are the members of a mapping, none of anything else.
func members(n ast.Node) []*ast.MappingValueNode {
	switch n := plain(n).(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

// member is the value of a member, nil when there is none.
func member(n ast.Node, name string) ast.Node {
	for _, m := range members(n) {
		if text(m.Key) == name {
			return m.Value
		}
	}
	return nil
}

// text is a scalar as text; empty: it is none.
func text(n ast.Node) string {
	switch n := plain(n).(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	case *ast.NullNode, nil:
		return ""
	case ast.ScalarNode:
		return n.GetToken().Value
	}
	return ""
}

func line(n ast.Node) int {
	if all := members(n); len(all) > 0 {
		return all[0].Key.GetToken().Position.Line
	}
	if n == nil || n.GetToken() == nil {
		return 0
	}
	return n.GetToken().Position.Line
}

// methods of an http step; their value is what it is about.
var methods = []string{"get", "post", "put", "patch", "delete", "head"} // read only

// detail is what a step is about, in one line.
func detail(n ast.Node) string {
	if s := text(n); s != "" {
		return oneLine(s)
	}
	all := members(n)
	for _, m := range all {
		for _, method := range methods {
			if text(m.Key) == method {
				return strings.ToUpper(method) + " " + oneLine(text(m.Value))
			}
		}
	}
	var names []string
	for _, m := range all {
		names = append(names, text(m.Key))
	}
	return oneLine(strings.Join(names, ", "))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
