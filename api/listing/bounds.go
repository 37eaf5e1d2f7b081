package listing

import (
	"strconv"
	"time"
)

// conjuncts returns the comparisons of a field that every match must satisfy.
func (q *Query[T]) conjuncts(field string) []comparison[T] {
	var out []comparison[T]
	var collect func(node[T])
	collect = func(n node[T]) {
		switch n := n.(type) {
		case conjunction[T]:
			for _, part := range n.parts {
				collect(part)
			}
		case comparison[T]:
			if n.field.name == field {
				out = append(out, n)
			}
		}
	}
	collect(q.filter)
	return out
}

// Between returns the earliest and the latest value of a time field that can match; zero: no bound. A reader of an
// index need not read beyond. The range may be wider than the filter, never narrower.
func (q *Query[T]) Between(field string) (from, to time.Time) {
	for _, c := range q.conjuncts(field) {
		t := c.values[0].moment
		if c.values[0].absent {
			continue
		}
		switch c.operator {
		case "gt", "ge":
			from = later(from, t)
		case "lt", "le":
			to = earlier(to, t)
		case "eq":
			from, to = later(from, t), earlier(to, t)
		}
	}
	return from, to
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// Bounds returns the least and the greatest value of a number field that can match, both inclusive; nil: no bound. Like the
// range of Between, they may be wider than the filter.
func (q *Query[T]) Bounds(field string) (least, most *int64) {
	raise := func(n int64) {
		if least == nil || n > *least {
			least = &n
		}
	}
	lower := func(n int64) {
		if most == nil || n < *most {
			most = &n
		}
	}
	for _, c := range q.conjuncts(field) {
		n := c.values[0].number
		switch c.operator {
		case "gt", "ge":
			raise(n)
		case "lt", "le":
			lower(n)
		case "eq":
			raise(n)
			lower(n)
		}
	}
	return least, most
}

// Containing returns the texts that a text or list field must contain.
func (q *Query[T]) Containing(field string) (texts []string) {
	for _, c := range q.conjuncts(field) {
		if c.operator == "contains" {
			texts = append(texts, c.values[0].text)
		}
	}
	return texts
}

// Other returns a parameter of Schema.Others; empty: it is not there.
func (q *Query[T]) Other(name string) string { return q.params.Get(name) }

// Filtered reports whether the query has a filter.
func (q *Query[T]) Filtered() bool { return q.filter != nil }

// Only returns the values of a text or number field that can match, and whether the filter restricts them. Like the
// range of Between, they may be more than match.
func (q *Query[T]) Only(field string) ([]string, bool) {
	for _, c := range q.conjuncts(field) {
		if c.operator != "eq" && c.operator != "in" {
			continue
		}
		var out []string
		for _, v := range c.values {
			if c.field.kind == number {
				out = append(out, strconv.FormatInt(v.number, 10))
			} else {
				out = append(out, v.text)
			}
		}
		return out, true
	}
	return nil, false
}
