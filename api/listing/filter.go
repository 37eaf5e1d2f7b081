package listing

import (
	"slices"
	"strings"
)

// node is a part of a filter.
type node[T any] interface{ match(*T) bool }

type conjunction[T any] struct{ parts []node[T] }

func (a conjunction[T]) match(item *T) bool {
	return !slices.ContainsFunc(a.parts, func(n node[T]) bool { return !n.match(item) })
}

type disjunction[T any] struct{ parts []node[T] }

func (s disjunction[T]) match(item *T) bool {
	return slices.ContainsFunc(s.parts, func(n node[T]) bool { return n.match(item) })
}

type negation[T any] struct{ part node[T] }

//lint:ignore U1000 it is called through node
func (n negation[T]) match(item *T) bool { return !n.part.match(item) }

// comparison compares a field with one value, or with several for the operator in.
type comparison[T any] struct {
	field    Field[T]
	operator string
	values   []value
}

//lint:ignore U1000 it is called through node
func (c comparison[T]) match(item *T) bool {
	have, want := c.field.get(item), c.values[0]
	switch c.operator {
	case "in":
		return slices.ContainsFunc(c.values, func(v value) bool { return c.equal(have, v) })
	case "contains":
		if c.field.kind == list {
			return slices.Contains(have.list, want.text)
		}
		return strings.Contains(have.text, want.text)
	case "eq":
		return c.equal(have, want)
	case "ne":
		return !c.equal(have, want)
	}
	if have.absent {
		return false
	}
	order := compare(have, want, c.field.kind)
	switch c.operator {
	case "lt":
		return order < 0
	case "le":
		return order <= 0
	case "gt":
		return order > 0
	}
	return order >= 0 // ge: the parser accepts no other operator
}

//lint:ignore U1000 match calls it
func (c comparison[T]) equal(a, b value) bool { return compare(a, b, c.field.kind) == 0 }

// Match reports whether an item satisfies the filter.
func (q *Query[T]) Match(item *T) bool { return q.filter == nil || q.filter.match(item) }
