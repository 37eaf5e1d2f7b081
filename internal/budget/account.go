package budget

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// Errors of a charge. Callers turn them into a failure with the code "limit".
var (
	// ErrEvicted reports that the process was short of memory and that this run held the most.
	ErrEvicted = errors.New("the worker was short of memory, and this run held the most of it: filter early, ask for less, or page")
	// ErrRunLimit reports that the run would exceed its own limit. Match it with errors.Is; the text names the limit.
	ErrRunLimit = errors.New("the run needs too much memory")
)

// reportShift is the granularity of an account's reports to its process: 1<<reportShift bytes. A run that never holds
// 64 KiB costs the process nothing.
const reportShift = 16

// Account tracks the memory of one run. Safe for concurrent use. The zero Account has no limit and belongs to no
// process.
type Account struct {
	process *Process // nil: only the run's own limit applies
	limit   int64    // bytes; 0: no limit of its own
	end     func()   // stops the run; nil: the run cannot be stopped

	used       atomic.Int64
	registered atomic.Bool   // the process tracks the account
	evicted    atomic.Bool   // the run must end, to free memory
	closed     chan struct{} // closed by Close; nil unless registered
}

// Open returns an account for a run that may hold at most the given number of bytes; 0: the limit of the process. end
// stops the run when the process must free its memory. end may be called at any time until Close returns, must not
// block, and may be nil. Open on a nil Process returns an account with its own limit only.
func (p *Process) Open(most int64, end func()) *Account {
	return &Account{process: p, limit: p.runLimit(most), end: end}
}

// Close ends the account. The run must not charge it any more.
func (a *Account) Close() {
	if a.registered.Load() {
		a.process.remove(a)
	}
}

// Used returns the number of bytes that the run holds.
func (a *Account) Used() int64 { return a.used.Load() }

// Err returns ErrEvicted once the run must end, else nil.
func (a *Account) Err() error {
	if a != nil && a.evicted.Load() {
		return ErrEvicted
	}
	return nil
}

// Hold adds n bytes that the run keeps. It waits, until ctx ends, while the process is short of memory. Also after an
// error the bytes are charged: Release returns them.
func (a *Account) Hold(ctx context.Context, n int64) error {
	if a == nil {
		return nil
	}
	now := a.used.Add(n)
	if now>>reportShift == (now-n)>>reportShift {
		return nil
	}
	return a.checkGrowth(ctx, n)
}

// Release returns n bytes.
func (a *Account) Release(n int64) {
	if a != nil {
		a.used.Add(-n)
	}
}

// checkGrowth checks the limits after the account has grown by another 1<<reportShift bytes.
func (a *Account) checkGrowth(ctx context.Context, n int64) error {
	if err := a.checkLimit(0); err != nil {
		return err
	}
	if a.process == nil {
		return nil
	}
	if !a.registered.Swap(true) {
		a.process.add(a)
	}
	if err := a.Err(); err != nil {
		return err
	}
	if err := a.process.awaitTurn(ctx, a); err != nil {
		return err
	}
	return a.process.checkHeap(ctx, a, max(n, 1<<reportShift))
}

// checkLimit returns ErrRunLimit when n more bytes exceed the limit of the run.
func (a *Account) checkLimit(n int64) error {
	if wants := a.used.Load() + n; a.limit > 0 && wants > a.limit {
		return fmt.Errorf("%w: %d MiB, %d MiB are allowed", ErrRunLimit, wants>>20, a.limit>>20)
	}
	return nil
}

// evict makes the run end.
func (a *Account) evict() {
	if a.evicted.Swap(true) {
		return
	}
	if a.end != nil {
		a.end()
	}
}
