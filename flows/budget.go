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
	maxHeld  = 64 << 20 // bytes of items, unless Env.MaxMemory says otherwise
	itemSize = 64       // bytes of an item, whatever it is
)

// holding is what a run holds, together with the flows that it calls: the items
// that go into a step, those that come out of it, and those that later
// programs may name. It is an estimate: values that share parts count twice.
type holding struct {
	account *budget.Account // of the run in its process
	held    atomic.Int64
	most    int64
}

func newHolding(env *Env) *holding {
	h := &holding{account: env.Memory, most: env.MaxMemory}
	if h.account == nil {
		h.account = (*budget.Process)(nil).Open(0, nil)
	}
	if h.most <= 0 {
		h.most = maxHeld
	}
	return h
}

// hold adds an item; the error says that it is one too many.
func (x *execution) hold(ctx context.Context, size int64) error {
	held := x.holding.held.Add(size)
	if err := x.holding.account.Hold(ctx, size); err != nil {
		return memoryError(err)
	}
	if held <= x.holding.most {
		return nil
	}
	return &Error{Code: CodeLimit, Message: fmt.Sprintf(
		"the run holds more than %d MiB of items at once: filter early, keep only the fields that later steps need, or page", x.holding.most>>20)}
}

func (x *execution) release(size int64) {
	x.holding.held.Add(-size)
	x.holding.account.Release(size)
}

// SizeOf is about what a value holds, bytes. Values that share parts count
// twice.
func SizeOf(v any) int64 {
	size, _ := measured(v)
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
	return budget.NewTab(ctx, in.p.x.holding.account, in.made)
}

// measured is the size of a value that leaves a program, and why it may not.
func measured(v any) (int64, error) {
	left := maxWhole
	err := walkWhole(v, maxDepth, &left)
	return int64(maxWhole-left) + itemSize, err
}
