package importer

import (
	"encoding/json"
	"maps"
	"math/big"
	"reflect"
	"slices"
)

// bounds are keywords that refuse values: those that a greater number makes stricter, and those that a smaller one does.
var (
	lowerBounds = []string{"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
	upperBounds = []string{"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
)

// limits compares keywords of a param that refuse values: those that are new or stricter affect calls.
func (d *drift) limits(op, name string, old, fresh any) {
	for i, keys := range [][]string{lowerBounds, upperBounds} {
		for _, key := range keys {
			before, after := numberAt(old, key), numberAt(fresh, key)
			if after != nil && (before == nil || after.Cmp(before) == 1-2*i) {
				d.add(op, true, "the param %s has the %s %s", name, key, wordOf(at(fresh, key)))
			}
		}
	}
	for _, key := range []string{"format", "multipleOf", "const"} {
		if after := at(fresh, key); after != nil && !reflect.DeepEqual(at(old, key), after) {
			d.add(op, true, "the param %s has the %s %s", name, key, wordOf(after))
		}
	}
	if at(fresh, "uniqueItems") == true && at(old, "uniqueItems") != true {
		d.add(op, true, "the param %s has each element once", name)
	}
	if at(fresh, "additionalProperties") == false && at(old, "additionalProperties") != false {
		d.add(op, true, "the param %s has no further members", name)
	}
	for _, member := range list(at(fresh, "required")) {
		if s, ok := member.(string); ok && !slices.Contains(list(at(old, "required")), member) {
			d.add(op, true, "the member %s.%s is required", name, s)
		}
	}
}

// withoutLeast is the schema of a param in the path without a least length of 1: an empty one is refused anyway.
func withoutLeast(schema any) any {
	m, _ := schema.(map[string]any)
	out := maps.Clone(m)
	for _, key := range []string{"minLength", "minItems", "minProperties"} {
		if out[key] == json.Number("1") {
			delete(out, key)
		}
	}
	return out
}

func numberAt(v any, key string) *big.Float {
	n, ok := at(v, key).(json.Number)
	if !ok {
		return nil
	}
	f, _, err := big.ParseFloat(n.String(), 10, 100, big.ToNearestEven)
	if err != nil {
		return nil
	}
	return f
}

// parts compares the elements of lists, the values of maps, and the variants.
func (d *drift) parts(op, name string, old, fresh any) {
	for _, part := range [][2]string{{"items", "[]"}, {"additionalProperties", ".*"}} {
		before, _ := at(old, part[0]).(map[string]any)
		after, _ := at(fresh, part[0]).(map[string]any)
		if before != nil && after != nil {
			d.param(op, name+part[1], before, after)
		}
	}
	if before, after := list(at(old, "anyOf")), list(at(fresh, "anyOf")); before != nil && after != nil {
		for _, v := range before {
			if !slices.ContainsFunc(after, func(other any) bool { return reflect.DeepEqual(withoutText(v), withoutText(other)) }) {
				d.add(op, true, "the param %s has other variants", name)
				return
			}
		}
	}
}

// withoutText copies a schema without its descriptions.
func withoutText(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := map[string]any{}
	for key, member := range m {
		if _, isText := member.(string); key != "description" || !isText {
			out[key] = withoutText(member)
		}
	}
	return out
}
