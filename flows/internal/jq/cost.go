package jq

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/bits"
)

// cost is an upper bound for the time and memory of one native jq operation. It is charged before the operation,
// which cannot be interrupted.
type cost struct {
	left  int   // steps that the evaluation has left; counting stops when they are spent
	steps int   // of about 10 ns
	bytes int   // size of the result
	depth int   // nesting depth of the value that is being counted
	err   error // the operation is rejected, whatever is left
}

// maxNative is the number of steps that one operation may take, 100 ms. A run that ended meanwhile frees the
// processor after that.
const maxNative = 10_000_000

// maxLevels is the maximum nesting of a value inside a program. The results of a program are limited to strictjson.MaxDepth.
const maxLevels = 100_000

// add charges steps and reports whether any are left.
func (b *cost) add(steps int) bool {
	b.steps += steps
	return b.steps <= b.left
}

// times charges x*y without overflow.
func (b *cost) times(x, y int) {
	if high, low := bits.Mul64(uint64(x), uint64(y)); high != 0 || low > maxNative {
		b.steps = maxNative + 1
	} else {
		b.add(int(low))
	}
}

// size counts a value with all its parts, each as often as it occurs: a value that contains itself twice at forty
// levels has 2^40 parts. Counting stops when it exceeds what is left.
//
// The counting itself is charged as well, at half the price of what is counted.
func (b *cost) size(v any) int {
	before := b.steps
	b.walk(v)
	counted := b.steps - before
	b.steps = before + counted/2
	if before+counted > b.left {
		b.steps = b.left + 1 // stops all further counting
	}
	return counted
}

// enter goes one level deeper into a value and reports whether the stack allows it.
func (b *cost) enter() bool {
	if b.depth++; b.depth <= maxLevels {
		return true
	}
	b.depth--
	b.steps, b.err = b.left+1, fmt.Errorf("a value is nested deeper than %d", maxLevels)
	return false
}

func (b *cost) walk(v any) {
	if b.steps > b.left || !b.enter() {
		return
	}
	defer func() { b.depth-- }()
	switch v := v.(type) {
	case []any:
		b.steps++
		for _, element := range v {
			if b.walk(element); b.steps > b.left {
				return
			}
		}
	case map[string]any:
		b.steps += sortCost(len(v))
		for name, member := range v {
			b.steps += len(name) / 32
			if b.walk(member); b.steps > b.left {
				return
			}
		}
	default:
		b.steps += scalarCost(v)
	}
}

// addComparison charges for comparing two values and reports whether they may be equal.
func (b *cost) addComparison(l, r any) bool {
	if !b.enter() {
		return false
	}
	defer func() { b.depth-- }()
	switch l := l.(type) {
	case []any:
		r, ok := r.([]any)
		if b.steps++; !ok {
			return false
		}
		for i := range min(len(l), len(r)) {
			if !b.addComparison(l[i], r[i]) || b.steps > b.left {
				return false
			}
		}
		return len(l) == len(r)
	case map[string]any:
		r, ok := r.(map[string]any)
		if b.steps++; !ok {
			return false
		}
		b.steps += sortCost(len(l)) + sortCost(len(r))
		if len(l) != len(r) {
			return false
		}
		for name, member := range l {
			other, ok := r[name]
			if !ok {
				return false
			}
			if b.addComparison(member, other); b.steps > b.left {
				return false
			}
		}
		return true
	}
	b.steps += scalarCost(l) + scalarCost(r)
	return true
}

// sortCost is the cost of sorting n names.
func sortCost(n int) int { return n*(1+bits.Len(uint(n))) + 8 }

// scalarCost is the cost of comparing or writing a scalar. A json.Number is parsed each time, so that a number of a
// thousand digits is expensive.
func scalarCost(v any) int {
	switch v := v.(type) {
	case string:
		return 1 + len(v)/32
	case json.Number:
		return 1 + len(v)*len(v)/1000
	case *big.Int:
		return 1 + v.BitLen()/64
	}
	return 1
}

// copyCost is the cost of copying a value without its parts.
func copyCost(v any) int {
	switch v := v.(type) {
	case []any:
		return 1 + len(v)/4
	case map[string]any:
		return 1 + 5*len(v)
	}
	return scalarCost(v)
}

// copyBytes is the size of a copy of v without its parts, in bytes.
func copyBytes(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case []any:
		return 16 * len(v)
	case map[string]any:
		return 64 * len(v)
	}
	return 8
}

// addReads charges for reading each string once.
func (b *cost) addReads(values ...any) {
	for _, v := range values {
		if s, ok := v.(string); ok {
			b.add(len(s) / 8)
		}
	}
}
