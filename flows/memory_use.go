package flows

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/penstock/penstock/flows/internal/jq"
	"github.com/penstock/penstock/internal/budget"
)

// Limits of what a run holds at once.
const (
	maxRunMemory = 64 << 20 // bytes of items; the default of Env.MaxMemory
	itemSize     = 64       // bytes charged for any item, besides its content
)

// memoryUse is what a run, together with the flows that it calls, holds in memory: the input and output items of the
// current step, and items that later programs may read. It is an estimate: shared parts of values count twice.
type memoryUse struct {
	account *budget.Account // the run's account with the process
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

// reserve charges for an item. The error is CodeLimit when the run's limit or that of the process is exceeded.
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

// SizeOf estimates the memory of a value in bytes. Shared parts count twice.
func SizeOf(v any) int64 {
	size, _ := measure(v)
	return size
}

// memoryError turns the rejection of an account into an *Error with CodeLimit. It returns any other error unchanged.
func memoryError(err error) error {
	if errors.Is(err, budget.ErrEvicted) || errors.Is(err, budget.ErrRunLimit) {
		return &Error{Code: CodeLimit, Message: err.Error(), Err: err}
	}
	return err
}

// Charger returns a charger for values that the step creates for this item. Its charges are returned, by Account.Settle,
// when the step has finished the item. It fails when ctx ends.
func (in *Input) Charger(ctx context.Context) *budget.Charger {
	return budget.NewCharger(ctx, in.p.x.memory.account, in.made)
}

// measure returns the size of an item in bytes; the error says why it may not leave its step.
func measure(v any) (int64, error) {
	size, err := jq.Size(v)
	return size + itemSize, err
}
