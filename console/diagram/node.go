package diagram

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// unwrap returns a node without its anchors and tags.
func unwrap(n ast.Node) ast.Node {
	switch n := n.(type) {
	case *ast.AnchorNode:
		return unwrap(n.Value)
	case *ast.TagNode:
		return unwrap(n.Value)
	}
	return n
}

// members returns the members of a mapping; nil for other nodes.
func members(n ast.Node) []*ast.MappingValueNode {
	switch n := unwrap(n).(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

// member returns the value of a member; nil when there is none.
func member(n ast.Node, name string) ast.Node {
	for _, m := range members(n) {
		if text(m.Key) == name {
			return m.Value
		}
	}
	return nil
}

// text returns a scalar as text; empty for other nodes.
func text(n ast.Node) string {
	switch n := unwrap(n).(type) {
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

// httpMethods are the parameters of an http step whose values are its detail.
var httpMethods = []string{"get", "post", "put", "patch", "delete", "head"} // read only

// detail returns the main parameter of a step on one line.
func detail(n ast.Node) string {
	if s := text(n); s != "" {
		return oneLine(s)
	}
	all := members(n)
	for _, m := range all {
		for _, method := range httpMethods {
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
