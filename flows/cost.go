package flows

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/bits"
)

// cost is what one native operation of jq will cost at most. Operations do not
// look at the clock while they run, so they are charged before.
type cost struct {
	left  int   // steps that are still there; counting ends when they are spent
	steps int   // of about 10 ns
	bytes int   // that the result takes
	depth int   // of what is being counted
	err   error // the operation is refused, whatever is left
}

// maxNative is how many steps one operation may take: 100 ms, after which the
// processor is free again when a run has ended meanwhile.
const maxNative = 10_000_000

// maxLevels is how deep a value may be inside a program. One that leaves it
// may be maxDepth deep.
const maxLevels = 100_000

// errTooLarge is a value beyond maxText, maxElements or maxWhole.
var errTooLarge = errors.New("a value is too large")

// add charges steps and reports whether any are left.
func (b *cost) add(steps int) bool {
	b.steps += steps
	return b.steps <= b.left
}

// times charges the product, without overflow.
func (b *cost) times(x, y int) {
	if high, low := bits.Mul64(uint64(x), uint64(y)); high != 0 || low > maxNative {
		b.steps = maxNative + 1
	} else {
		b.add(int(low))
	}
}

// size counts a value with everything below it, as often as it occurs: a value
// that holds itself twice over, forty times, has 2^40 parts. The count ends
// when it exceeds what is left.
//
// The counting is charged itself, at half of the price of what is counted.
func (b *cost) size(v any) int {
	before := b.steps
	b.walk(v)
	counted := b.steps - before
	b.steps = before + counted/2
	if before+counted > b.left {
		b.steps = b.left + 1 // nothing is counted after this
	}
	return counted
}

// enter enters a level of a value, unless there are too many for the stack.
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

// sortCost is what it costs to sort n names.
func sortCost(n int) int { return n*(1+bits.Len(uint(n))) + 8 }

// scalarCost is what it costs to compare or write a value that is no container. A
// number of a thousand digits is read again each time.
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

// copyCost is what it costs to copy a value without what is below it.
func copyCost(v any) int {
	switch v := v.(type) {
	case []any:
		return 1 + len(v)/4
	case map[string]any:
		return 1 + 5*len(v)
	}
	return scalarCost(v)
}

// copyBytes is the bytes that a copy of v takes, without what is below it.
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

// addReads charges for reading texts once.
func (b *cost) addReads(values ...any) {
	for _, v := range values {
		if s, ok := v.(string); ok {
			b.add(len(s) / 8)
		}
	}
}
