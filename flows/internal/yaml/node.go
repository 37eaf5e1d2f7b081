// Package yaml reads a flow file into nodes that know their positions.
package yaml

import "encoding/json"

// Place is a position in a file; line and column count from 1.
type Place struct{ Line, Column int }

// Node is a value of a file with its position. Scalars are nil, bool, string or json.Number. Numbers are taken
// from the source text, because the YAML library would round them.
type Node struct {
	Place Place
	Shape Shape
	Style Style
	Value any // of a scalar
	Keys  []Key
	Items []*Node // of a sequence, or the values of keys
}

// Key is the key of one member of a mapping.
type Key struct {
	Name  string
	Place Place
}

// Member returns a mapping with one member, as if it stood at that place.
func Member(at Place, name string, value *Node) *Node {
	return &Node{Place: at, Shape: Mapping, Keys: []Key{{name, at}}, Items: []*Node{value}}
}

// Shape is the kind of a node.
type Shape uint8

// The shapes of nodes.
const (
	Scalar Shape = iota
	Mapping
	Sequence
)

// Style is how a scalar is written.
type Style uint8

// The styles of scalars.
const (
	Plain Style = iota
	Single
	Double
	Block // | and >
)

// Member returns the value of a member of a mapping; nil: there is none, or the node is no mapping.
func (n *Node) Member(name string) *Node {
	for i, k := range n.Keys {
		if k.Name == name {
			return n.Items[i]
		}
	}
	return nil
}

// ShapeName names the shape of a node for a message.
func (n *Node) ShapeName() string {
	switch {
	case n.Shape == Mapping:
		return "a mapping"
	case n.Shape == Sequence:
		return "a list"
	}
	switch n.Value.(type) {
	case nil:
		return "nothing"
	case bool:
		return "true or false"
	case json.Number:
		return "a number"
	}
	return "text"
}
