package mongotest

import (
	"bytes"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// matches reports whether a document meets a filter of equalities and of $eq, $ne, $gt, $gte, $lt, $lte and $in.
func matches(d, filter bson.D) bool {
	for _, condition := range filter {
		value := member(d, condition.Key)
		operators, ok := condition.Value.(bson.D)
		if !ok || len(operators) == 0 || operators[0].Key[:1] != "$" {
			if compare(value, condition.Value) != 0 {
				return false
			}
			continue
		}
		for _, o := range operators {
			if !meets(value, o) {
				return false
			}
		}
	}
	return true
}

func meets(value any, operator bson.E) bool {
	order := compare(value, operator.Value)
	switch operator.Key {
	case "$eq":
		return order == 0
	case "$ne":
		return order != 0
	case "$gt":
		return value != nil && order > 0
	case "$gte":
		return value != nil && order >= 0
	case "$lt":
		return value != nil && order < 0
	case "$lte":
		return value != nil && order <= 0
	case "$in":
		list, _ := operator.Value.(bson.A)
		return slices.ContainsFunc(list, func(v any) bool { return compare(value, v) == 0 })
	}
	return false
}

// compare orders numbers by value and others by their type and bytes.
func compare(a, b any) int {
	if x, ok := float(a); ok {
		if y, ok := float(b); ok {
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		}
	}
	if x, ok := a.(string); ok {
		if y, ok := b.(string); ok {
			return bytes.Compare([]byte(x), []byte(y))
		}
	}
	return bytes.Compare(encoded(a), encoded(b))
}

func float(v any) (float64, bool) {
	switch v := v.(type) {
	case int32:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

func encoded(v any) []byte {
	if v == nil {
		return nil
	}
	kind, value, err := bson.MarshalValue(v)
	if err != nil {
		panic(err) // it came from BSON
	}
	return append([]byte{byte(kind)}, value...)
}

// sorted returns documents in an order of several fields.
func sorted(documents []bson.D, order bson.D) []bson.D {
	documents = slices.Clone(documents)
	slices.SortStableFunc(documents, func(a, b bson.D) int {
		for _, field := range order {
			if c := compare(member(a, field.Key), member(b, field.Key)); c != 0 {
				return c * number(field.Value)
			}
		}
		return 0
	})
	return documents
}

// projected returns the fields of an including projection.
func projected(d, projection bson.D) bson.D {
	if len(projection) == 0 {
		return d
	}
	made := bson.D{}
	for _, e := range d {
		wanted := member(projection, e.Key)
		if wanted != nil && number(wanted) == 1 || wanted == nil && e.Key == "_id" {
			made = append(made, e)
		}
	}
	return made
}
