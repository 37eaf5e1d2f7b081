package flows

import (
	"fmt"
	"sync/atomic"
)

// Bounds on what a run holds at once.
const (
	maxHeld  = 64 << 20 // bytes of items, unless Env.MaxMemory says otherwise
	itemSize = 64       // bytes of an item, whatever it is
)

// budget is what a run holds, together with the flows that it calls: the items
// that go into a step, those that come out of it, and those that later
// programs may name. It is an estimate: values that share parts count twice.
type budget struct {
	held atomic.Int64
	most int64
}

func newBudget(most int64) *budget {
	if most <= 0 {
		most = maxHeld
	}
	return &budget{most: most}
}

// hold adds an item; the error says that it is one too many.
func (x *execution) hold(size int64) error {
	if x.budget.held.Add(size) <= x.budget.most {
		return nil
	}
	return &Error{Code: CodeLimit, Message: fmt.Sprintf(
		"the run holds more than %d MiB of items at once: filter early, keep only the fields that later steps need, or page", x.budget.most>>20)}
}

func (x *execution) release(size int64) { x.budget.held.Add(-size) }

// measured is the size of a value that leaves a program, and why it may not.
func measured(v any) (int64, error) {
	left := maxWhole
	err := walkWhole(v, maxDepth, &left)
	return int64(maxWhole-left) + itemSize, err
}
