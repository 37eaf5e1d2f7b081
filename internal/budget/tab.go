package budget

import (
	"context"
	"runtime"
	"sync/atomic"
)

// Approximate memory cost of values in bytes, measured with Go 1.26 (see TestCosts). Strings cost their length in
// addition.
const (
	Cell   = 24  // an element of a list, including spare capacity
	Text   = 16  // a string as an element or a member
	Object = 64  // an object without members
	Small  = 384 // the first eight members of an object together
	Member = 80  // each further member
)

// Members returns the cost of n members of an object, without the object itself and the lengths of strings.
func Members(n int) int64 {
	if n == 0 {
		return 0
	}
	return Small + Member*int64(max(0, n-8)) + Text*int64(n)
}

// MemberOf returns the cost of the last of n members.
func MemberOf(n int) int64 {
	switch {
	case n == 1:
		return Small + Text
	case n > 8:
		return Member + Text
	}
	return Text
}

// tabBatch is the number of bytes after which a tab charges its account. With 20 to 50 bytes for each value it is a
// fraction of a millisecond of work.
const tabBatch = 16 << 10

// Tab is the running total of one piece of work on an account: a decoder, an encoder, the rows of a query. It is used
// by one goroutine at a time. A nil Tab charges nothing and never fails.
type Tab struct {
	ctx       context.Context
	account   *Account
	sum       *atomic.Int64 // amount charged to the account, for Settle
	uncharged int64         // bytes not yet charged to the account
}

// NewTab returns a tab that fails when ctx ends. sum counts the bytes charged to the account; its owner passes it to
// Settle when the results are gone or charged otherwise. account may be nil.
func NewTab(ctx context.Context, account *Account, sum *atomic.Int64) *Tab {
	return &Tab{ctx: ctx, account: account, sum: sum}
}

// Charge counts n bytes that were or will be allocated. The error is that of the context, ErrEvicted, or an
// ErrRunLimit; the work must then end.
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
	runtime.Gosched() // lets newly started goroutines run before this one
	if err := t.Err(); err != nil {
		return err
	}
	if t.account == nil {
		return nil
	}
	if err := t.account.checkLimit(n); err != nil { // rejected without charging: no other run has to make room for it
		return err
	}
	t.sum.Add(n)
	t.account.process.addCharged(n)
	return t.account.Hold(t.ctx, n)
}

// Part returns a tab for temporary values. Drop returns what was charged on it.
func (t *Tab) Part() *Tab {
	if t == nil {
		return nil
	}
	return &Tab{ctx: t.ctx, account: t.account, sum: new(atomic.Int64)}
}

// Drop returns what was charged on a tab made by Part.
func (t *Tab) Drop() {
	if t != nil {
		t.account.Settle(t.sum)
		t.uncharged = 0
	}
}

// Err returns the reason for which the work must end; nil when it may go on.
func (t *Tab) Err() error {
	if t == nil {
		return nil
	}
	return endError(t.ctx, t.account)
}

// Settle returns the bytes that tabs have charged.
func (a *Account) Settle(sum *atomic.Int64) {
	if n := sum.Swap(0); n != 0 && a != nil {
		a.process.addCharged(-n)
		a.Release(n)
	}
}
