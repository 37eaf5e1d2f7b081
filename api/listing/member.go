package listing

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// Member is a field of items that are JSON objects. typ is string, integer,
// number, boolean, date or date-time; get returns the member as it was decoded,
// numbers as json.Number. A member that is null, missing or of another type is
// absent. Operators limits those of a filter; nil: all that the type has.
func Member[T any](name, typ string, operators []string, get func(*T) any) Field[T] {
	k, read := kindOf(typ)
	return Field[T]{name: name, kind: k, operators: operators, get: func(item *T) value {
		if v, ok := read(get(item)); ok {
			return v
		}
		return value{absent: true}
	}}
}

func kindOf(typ string) (kind, func(any) (value, bool)) {
	switch typ {
	case "integer":
		return number, func(v any) (value, bool) {
			n, err := strconv.ParseInt(digitsOf(v), 10, 64)
			return value{number: n}, err == nil
		}
	case "number":
		return real, func(v any) (value, bool) {
			n, err := strconv.ParseFloat(digitsOf(v), 64)
			return value{real: n}, err == nil
		}
	case "boolean":
		return truth, func(v any) (value, bool) {
			yes, ok := v.(bool)
			if yes {
				return value{number: 1}, ok
			}
			return value{}, ok
		}
	case "date", "date-time":
		k := moment
		if typ == "date" {
			k = day
		}
		return k, func(v any) (value, bool) {
			s, _ := v.(string)
			t, ok := parseTime(s)
			return value{moment: t}, ok
		}
	}
	return text, func(v any) (value, bool) {
		s, ok := v.(string)
		return value{text: s}, ok
	}
}

func digitsOf(v any) string {
	n, _ := v.(json.Number)
	return n.String()
}

// Comparison is one comparison of a filter, as data. Value is a string, bool,
// json.Number, nil for null, or a []any of them with the operator in; times and
// dates are as the caller wrote them.
type Comparison struct {
	Field    string
	Operator string
	Value    any
}

// Comparisons are those of a filter that is nothing but comparisons joined by
// and. Another filter is an *Error at the first part that is more.
func (q *Query[T]) Comparisons() ([]Comparison, error) {
	if q.loose > 0 {
		return nil, &Error{Param: ParamFilter, Position: q.loose, Message: "here only comparisons joined by and are taken"}
	}
	out := []Comparison{}
	var collect func(node[T])
	collect = func(n node[T]) {
		switch n := n.(type) {
		case conjunction[T]:
			for _, part := range n.parts {
				collect(part)
			}
		case comparison[T]:
			out = append(out, n.data())
		}
	}
	collect(q.filter)
	return out, nil
}

// Tree is the whole filter as data: {"and": […]}, {"or": […]}, {"not": …}, or
// {"field", "op", "value"}; nil: there is none.
func (q *Query[T]) Tree() any { return treeOf(q.filter) }

func treeOf[T any](n node[T]) any {
	list := func(parts []node[T]) []any {
		out := make([]any, len(parts))
		for i, part := range parts {
			out[i] = treeOf(part)
		}
		return out
	}
	switch n := n.(type) {
	case conjunction[T]:
		return map[string]any{"and": list(n.parts)}
	case disjunction[T]:
		return map[string]any{"or": list(n.parts)}
	case negation[T]:
		return map[string]any{"not": treeOf(n.part)}
	case comparison[T]:
		c := n.data()
		return map[string]any{"field": c.Field, "op": c.Operator, "value": c.Value}
	}
	return nil
}

func (c comparison[T]) data() Comparison {
	out := Comparison{Field: c.field.name, Operator: c.operator}
	if c.operator != "in" {
		out.Value = c.field.data(c.values[0])
		return out
	}
	list := make([]any, len(c.values))
	for i, v := range c.values {
		list[i] = c.field.data(v)
	}
	out.Value = list
	return out
}

func (f Field[T]) data(v value) any {
	switch {
	case v.absent:
		return nil
	case f.kind == number:
		return json.Number(strconv.FormatInt(v.number, 10))
	case f.kind == real:
		return json.Number(v.text)
	case f.kind == truth:
		return v.number == 1
	case v.text == "" && !v.moment.IsZero():
		return v.moment.Format(time.RFC3339Nano)
	}
	return v.text
}

// Key is one field of an order.
type Key struct {
	Field string
	Down  bool
}

// Order is the order that was asked for, or the schema's own.
func (q *Query[T]) Order() []Key {
	keys := make([]Key, len(q.order))
	for i, k := range q.order {
		keys[i] = Key{k.field.name, k.descending}
	}
	return keys
}

// Names are the fields by which the query filters and orders, sorted.
func (q *Query[T]) Names() []string {
	var names []string
	var collect func(node[T])
	collect = func(n node[T]) {
		switch n := n.(type) {
		case conjunction[T]:
			for _, part := range n.parts {
				collect(part)
			}
		case disjunction[T]:
			for _, part := range n.parts {
				collect(part)
			}
		case negation[T]:
			collect(n.part)
		case comparison[T]:
			names = append(names, n.field.name)
		}
	}
	collect(q.filter)
	for _, k := range q.order {
		names = append(names, k.field.name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
