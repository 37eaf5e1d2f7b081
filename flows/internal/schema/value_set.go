package schema

import (
	"encoding/json"
	"hash/maphash"
	"math/big"
)

// valueSet is a set of values, for enum and const.
type valueSet struct {
	values  []any
	scalars map[string]bool
	others  []any // arrays and objects
}

func newValueSet(values []any) *valueSet {
	set := &valueSet{values: values, scalars: map[string]bool{}}
	for _, v := range values {
		if text, ok := scalar(v); ok {
			set.scalars[text] = true
		} else {
			set.others = append(set.others, v)
		}
	}
	return set
}

func (e *evaluation) contains(set *valueSet, v any) bool {
	if s, ok := v.(string); ok {
		e.spend(len(s) / 16)
	}
	if text, ok := scalar(v); ok {
		return set.scalars[text]
	}
	for _, other := range set.others {
		if e.equal(v, other) {
			return true
		}
	}
	return false
}

// scalar returns a text that is equal for equal scalars; false for arrays and objects.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "null", true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	case string:
		return `"` + v, true
	}
	d, ok := decimalOf(v)
	return d.text(), ok
}

func (e *evaluation) equal(a, b any) bool {
	if e.spend(1); e.err != nil {
		return false
	}
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !e.equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, member := range a {
			if other, ok := b[name]; !ok || !e.equal(member, other) {
				return false
			}
		}
		return true
	case string:
		b, ok := b.(string)
		e.spend(len(a) / 64)
		return ok && a == b
	}
	x, _ := scalar(a)
	y, ok := scalar(b)
	return ok && x == y
}

// duplicates returns the indices of two equal elements.
func (e *evaluation) duplicates(list []any) (int, int, bool) {
	seed := maphash.MakeSeed()
	seen := make(map[uint64][]int, len(list))
	for i, v := range list {
		var h maphash.Hash
		h.SetSeed(seed)
		e.hash(&h, v)
		if e.err != nil {
			return 0, 0, false
		}
		sum := h.Sum64()
		for _, j := range seen[sum] {
			if e.equal(list[j], v) {
				return j, i, true
			}
		}
		seen[sum] = append(seen[sum], i)
	}
	return 0, 0, false
}

// hash writes a value to h. Equal values write equal bytes.
func (e *evaluation) hash(h *maphash.Hash, v any) {
	if e.spend(2); e.err != nil {
		return
	}
	switch v := v.(type) {
	case []any:
		_ = h.WriteByte('[')
		for _, element := range v {
			e.hash(h, element)
		}
		_ = h.WriteByte(']')
	case map[string]any:
		_ = h.WriteByte('{')
		e.spend(len(v) * 4)
		for _, name := range sortedNames(v) {
			_, _ = h.WriteString(name)
			e.hash(h, v[name])
		}
		_ = h.WriteByte('}')
	case string:
		e.spend(len(v) / 64)
		_ = h.WriteByte('"')
		_, _ = h.WriteString(v)
	default:
		text, _ := scalar(v)
		_, _ = h.WriteString(text)
	}
	_ = h.WriteByte(',')
}

// typeOf returns the JSON type of a value; empty for a value that JSON does not have.
func typeOf(v any) string {
	switch v.(type) {
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
	case json.Number, int, *big.Int:
		return "number"
	}
	if _, ok := decimalOf(v); ok {
		return "number"
	}
	return ""
}

// typeBit returns the bit of a type in a bit set of types.
func typeBit(name string) int {
	switch name {
	case "null":
		return 1
	case "boolean":
		return 2
	case "number":
		return 4
	case "integer":
		return 8
	case "string":
		return 16
	case "array":
		return 32
	}
	return 64
}
