package flows

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/penstock/penstock/internal/budget"
)

// Bounds on what a run holds at once.
const (
	maxRunMemory = 64 << 20 // bytes of items, unless Env.MaxMemory says otherwise
	itemSize     = 64       // bytes of an item, whatever it is
)

// memoryUse is what a run holds, together with the flows that it calls: the items
// that go into a step, those that come out of it, and those that later
// programs may name. It is an estimate: values that share parts count twice.
type memoryUse struct {
	account *budget.Account // of the run in its process
	used    atomic.Int64
	limit   int64
}

func newMemoryUse(env *Env) *memoryUse {
	h := &memoryUse{account: env.Memory, limit: env.MaxMemory}
	if h.account == nil {
		h.account = (*budget.Process)(nil).Open(0, nil)
	}
	if h.limit <= 0 {
		h.limit = maxRunMemory
	}
	return h
}

// reserve adds an item; the error says that it is one too many.
func (x *execution) reserve(ctx context.Context, size int64) error {
	held := x.memory.used.Add(size)
	if err := x.memory.account.Hold(ctx, size); err != nil {
		return memoryError(err)
	}
	if held <= x.memory.limit {
		return nil
	}
	return &Error{Code: CodeLimit, Message: fmt.Sprintf(
		"the run holds more than %d MiB of items at once: filter early, keep only the fields that later steps need, or page", x.memory.limit>>20)}
}

func (x *execution) release(size int64) {
	x.memory.used.Add(-size)
	x.memory.account.Release(size)
}

// SizeOf is about what a value holds, bytes. Values that share parts count
// twice.
func SizeOf(v any) int64 {
	size, _ := measure(v)
	return size
}

// memoryError gives the refusal of an account its code; the end of a context
// is passed on as it is.
func memoryError(err error) error {
	if errors.Is(err, budget.ErrPressed) || errors.Is(err, budget.ErrMost) {
		return &Error{Code: CodeLimit, Message: err.Error(), Err: err}
	}
	return err
}

// Tab charges the run for what the step makes of this item; what it made is
// settled when the step has done with the item. The tab ends with ctx.
func (in *Input) Tab(ctx context.Context) *budget.Tab {
	return budget.NewTab(ctx, in.p.x.memory.account, in.made)
}

// measure is the size of a value that leaves a program, and why it may not.
func measure(v any) (int64, error) {
	left := maxValueSize
	err := measureParts(v, maxDepth, &left)
	return int64(maxValueSize-left) + itemSize, err
}
