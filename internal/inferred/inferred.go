// Package inferred makes a JSON Schema from examples.
package inferred

import (
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strings"
)

// Bounds of a schema. What is beyond them may be anything.
const (
	maxDepth    = 12
	maxMembers  = 200 // of one object
	maxElements = 200 // of one array, that are looked at
)

// Schema returns a JSON Schema (2020-12) that all values fit: their types, the members of objects, and as required
// those that all objects have. What has several types, or none, is left open. Values are those of encoding/json with
// numbers as json.Number or any type of Go. An empty list gives the schema of everything, {}.
func Schema(values []any) map[string]any {
	s := &shape{}
	for _, v := range values {
		s.add(v, 0)
	}
	return s.schema()
}

// shape is what the values at one place have in common.
type shape struct {
	types   []string // of JSON Schema; integer and number exclude each other
	objects int      // how many of the values are objects
	members map[string]*member
	items   *shape // of all arrays; nil: none was there
	open    bool   // it is not looked at any further
}

type member struct {
	shape
	seen int // in how many of the objects
}

func (s *shape) add(v any, depth int) {
	s.addType(typeOf(v))
	if depth >= maxDepth {
		s.open = true
		return
	}
	switch v := v.(type) {
	case map[string]any:
		s.addObject(v, depth)
	case []any:
		if s.items == nil {
			s.items = &shape{}
		}
		for _, element := range v[:min(len(v), maxElements)] {
			s.items.add(element, depth+1)
		}
	}
}

func (s *shape) addObject(o map[string]any, depth int) {
	s.objects++
	if s.members == nil {
		s.members = map[string]*member{}
	}
	for name, value := range o {
		m := s.members[name]
		if m == nil {
			if len(s.members) >= maxMembers {
				s.open = true
				return
			}
			m = &member{}
			s.members[name] = m
		}
		m.seen++
		m.add(value, depth+1)
	}
}

func (s *shape) addType(name string) {
	switch {
	case slices.Contains(s.types, name), name == "integer" && slices.Contains(s.types, "number"):
		return
	case name == "number":
		s.types = slices.DeleteFunc(s.types, func(t string) bool { return t == "integer" })
	}
	s.types = append(s.types, name)
}

// schema returns the JSON Schema of the shape.
func (s *shape) schema() map[string]any {
	types := slices.DeleteFunc(slices.Clone(s.types), func(t string) bool { return t == "null" })
	if len(types) != 1 {
		return map[string]any{}
	}
	out := map[string]any{"type": types[0]}
	if len(s.types) > 1 {
		out["type"] = []any{types[0], "null"}
	}
	switch types[0] {
	case "array":
		out["items"] = map[string]any{}
		if s.items != nil && !s.open {
			out["items"] = s.items.schema()
		}
	case "object":
		if !s.open {
			s.describeMembers(out)
		}
	}
	return out
}

func (s *shape) describeMembers(out map[string]any) {
	properties, required := map[string]any{}, []any{}
	for name, m := range s.members {
		properties[name] = m.schema()
		if m.seen == s.objects {
			required = append(required, name)
		}
	}
	slices.SortFunc(required, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	if out["properties"] = properties; len(required) > 0 {
		out["required"] = required
	}
}

// typeOf returns the type of a value in the words of JSON Schema.
func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	case json.Number:
		if strings.ContainsAny(string(v), ".eE") {
			return "number"
		}
	case float64:
		if v != math.Trunc(v) {
			return "number"
		}
	case int, int64, *big.Int:
	default:
		return "number"
	}
	return "integer"
}
