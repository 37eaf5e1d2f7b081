package budget

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// Errors of a charge. Callers turn them into a failure with the code "limit".
var (
	// ErrEvicted says that the process was short of memory and that this run
	// held more of it than any other.
	ErrEvicted = errors.New("the worker was short of memory, and this run held the most of it: filter early, ask for less, or page")
	// ErrRunLimit says that the run would hold more than its own bound; match it
	// with errors.Is, its text names the bound.
	ErrRunLimit = errors.New("the run needs too much memory")
)

// reportShift is the grain of what an account reports to its process, bytes as a
// power of two. Runs that never hold 64 KiB cost the process nothing.
const reportShift = 16

// Account is what one run holds. Safe for concurrent use. The zero Account has
// no bound and belongs to no process.
type Account struct {
	process *Process // nil: only the run's own bound counts
	limit   int64    // bytes; 0: no bound of its own
	end     func()   // stops the run; nil: it cannot be stopped

	used       atomic.Int64
	registered atomic.Bool   // the process knows of it
	evicted    atomic.Bool   // it must end, to make room
	closed     chan struct{} // closed by Close; nil unless registered
}

// Open makes an account for a run that may hold at most so many bytes; 0: as
// many as the process has. end stops the run when the process must have its
// memory back; it may be called at any time until Close returns, must not
// block, and may be nil. A nil Process gives an account with its own bound only.
func (p *Process) Open(most int64, end func()) *Account {
	return &Account{process: p, limit: p.runLimit(most), end: end}
}

// Close ends the account. The run must not charge any more.
func (a *Account) Close() {
	if a.registered.Load() {
		a.process.remove(a)
	}
}

// Used is what the run holds, bytes.
func (a *Account) Used() int64 { return a.used.Load() }

// Err is ErrPressed once the run must end, else nil.
func (a *Account) Err() error {
	if a != nil && a.evicted.Load() {
		return ErrEvicted
	}
	return nil
}

// Hold adds bytes that the run keeps. It waits while the process is short of
// memory, at most until ctx ends. On an error the bytes are charged all the
// same: Release gives them back.
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

// Release gives bytes back.
func (a *Account) Release(n int64) {
	if a != nil {
		a.used.Add(-n)
	}
}

// checkGrowth checks the bounds once in a while.
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

// checkLimit is ErrMost when n bytes more are more than the run may hold.
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
