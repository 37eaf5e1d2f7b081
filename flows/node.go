package flows

import (
	"encoding/json"
)

// place is a position in a flow file; line and column count from 1.
type place struct{ line, column int }

// node is a value of a flow file with its position. Scalars are nil, bool, string or json.Number. Numbers are taken
// from the source text, because the YAML library would round them.
type node struct {
	place place
	shape shape
	style style
	value any // of a scalar
	keys  []key
	items []*node // of a sequence, or the values of keys
}

type key struct {
	name  string
	place place
}

type shape uint8

const (
	scalar shape = iota
	mapping
	sequence
)

type style uint8

const (
	plain style = iota
	single
	double
	block // | and >
)

// shapeName names the shape of a node for a message.
func (n *node) shapeName() string {
	switch {
	case n.shape == mapping:
		return "a mapping"
	case n.shape == sequence:
		return "a list"
	}
	switch n.value.(type) {
	case nil:
		return "nothing"
	case bool:
		return "true or false"
	case json.Number:
		return "a number"
	}
	return "text"
}
