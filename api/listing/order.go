package listing

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const maxOrder = 8 // maximum number of fields

// orderKey is one field of an order.
type orderKey[T any] struct {
	field      Field[T]
	descending bool
}

// parseOrder parses up to most field names separated by commas; "-" before a name means descending.
func parseOrder[T any](order string, fields []Field[T], most int) ([]orderKey[T], error) {
	var out []orderKey[T]
	if order == "" {
		return nil, nil
	}
	for at := 0; at <= len(order); {
		part, _, _ := strings.Cut(order[at:], ",")
		name := strings.TrimSpace(part)
		fault := func(message string) error {
			return &Error{Param: ParamOrder, Position: utf8.RuneCountInString(order[:at]) + 1, Message: message}
		}
		k := orderKey[T]{descending: strings.HasPrefix(name, "-")}
		name = strings.TrimPrefix(name, "-")
		var ok bool
		if k.field, ok = find(fields, name); !ok {
			if field, direction, spaced := strings.Cut(name, " "); spaced && strings.EqualFold(direction, "desc") {
				return nil, fault("write -" + field + " for the other direction")
			}
			return nil, fault(unknown(fields, name))
		}
		if k.field.kind == list {
			return nil, fault(name + " is a list, which has no order")
		}
		if slices.ContainsFunc(out, func(o orderKey[T]) bool { return o.field.name == name }) {
			return nil, fault(name + " comes twice")
		}
		if out = append(out, k); len(out) > most {
			return nil, fault("there are too many fields, at most " + strconv.Itoa(most) + " are taken")
		}
		at += len(part) + 1
	}
	return out, nil
}

// Compare compares two items by the order of the query.
func (q *Query[T]) Compare(a, b *T) int {
	for _, k := range q.order {
		if c := compare(k.field.get(a), k.field.get(b), k.field.kind); c != 0 {
			if k.descending {
				return -c
			}
			return c
		}
	}
	return 0
}

// OrderedBy reports whether the order consists of this field only, and whether it is descending.
func (q *Query[T]) OrderedBy(field string) (descending, only bool) {
	if len(q.order) != 1 || q.order[0].field.name != field {
		return false, false
	}
	return q.order[0].descending, true
}
