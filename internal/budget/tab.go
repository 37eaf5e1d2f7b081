package budget

import (
	"context"
	"runtime"
	"sync/atomic"
)

// About what values cost in memory, bytes, measured with Go 1.26 (see
// TestCosts). Text costs its length besides.
const (
	Cell   = 24  // an element of a list, with the room into which lists grow
	Text   = 16  // a text as an element or a member
	Object = 64  // an object without members
	Small  = 384 // the first to eighth member of an object together
	Member = 80  // each further member
)

// Members is what n members of an object cost, besides the object and the
// length of texts.
func Members(n int) int64 {
	if n == 0 {
		return 0
	}
	return Small + Member*int64(max(0, n-8)) + Text*int64(n)
}

// MemberOf is what the last of n members costs.
func MemberOf(n int) int64 {
	switch {
	case n == 1:
		return Small + Text
	case n > 8:
		return Member + Text
	}
	return Text
}

// tabBatch is how much is charged before the account hears of it, bytes. At 20
// to 50 bytes a value it is a fraction of a millisecond of work.
const tabBatch = 16 << 10

// Tab charges an account for what a piece of work makes: a decoder, an encoder,
// the rows of a query. One goroutine uses it at a time. A nil Tab charges
// nobody, and its work cannot be stopped.
type Tab struct {
	ctx       context.Context
	account   *Account
	sum       *atomic.Int64 // of what was charged, for who gives it back
	uncharged int64         // not charged yet
}

// NewTab returns a tab whose work ends with ctx. sum counts what the account
// was charged: its owner calls Settle with it when the work's results are gone
// or held otherwise. account may be nil.
func NewTab(ctx context.Context, account *Account, sum *atomic.Int64) *Tab {
	return &Tab{ctx: ctx, account: account, sum: sum}
}

// Charge counts bytes that were made, or are about to be. The error is the
// context's, ErrPressed or one that is ErrMost; the work must end with it.
func (t *Tab) Charge(n int64) error {
	if t == nil {
		return nil
	}
	if t.uncharged += n; t.uncharged < tabBatch {
		return nil
	}
	return t.flush()
}

func (t *Tab) flush() error {
	n := t.uncharged
	t.uncharged = 0
	runtime.Gosched() // who computes for long goes behind those that have just begun
	if err := t.Err(); err != nil {
		return err
	}
	if t.account == nil {
		return nil
	}
	if err := t.account.checkLimit(n); err != nil { // not charged: others need not make room for it
		return err
	}
	t.sum.Add(n)
	t.account.process.addCharged(n)
	return t.account.Hold(t.ctx, n)
}

// Part returns a tab for something that is gone before the work is done: Drop
// gives back what was charged on it, and nothing else.
func (t *Tab) Part() *Tab {
	if t == nil {
		return nil
	}
	return &Tab{ctx: t.ctx, account: t.account, sum: new(atomic.Int64)}
}

// Drop gives back what was charged on a Part.
func (t *Tab) Drop() {
	if t != nil {
		t.account.Settle(t.sum)
		t.uncharged = 0
	}
}

// Err is why the work must end; nil while it may go on.
func (t *Tab) Err() error {
	if t == nil {
		return nil
	}
	return endError(t.ctx, t.account)
}

// Settle gives back what tabs charged.
func (a *Account) Settle(sum *atomic.Int64) {
	if n := sum.Swap(0); n != 0 && a != nil {
		a.process.addCharged(-n)
		a.Release(n)
	}
}
