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

// chargeBatch is the number of bytes after which a charger charges its account. With 20 to 50 bytes for each value it is a
// fraction of a millisecond of work.
const chargeBatch = 16 << 10

// Charger charges the memory of one operation to an account, in batches: of a decoder, an encoder, the rows of a query. It
// is used by one goroutine at a time. A nil Charger charges nothing and never fails.
type Charger struct {
	ctx       context.Context
	account   *Account
	sum       *atomic.Int64 // amount charged to the account, for Settle
	uncharged int64         // bytes not yet charged to the account
}

// NewCharger returns a charger that fails when ctx ends. sum counts the bytes charged to the account; its owner passes it to
// Settle when the results are gone or charged otherwise. account may be nil.
func NewCharger(ctx context.Context, account *Account, sum *atomic.Int64) *Charger {
	return &Charger{ctx: ctx, account: account, sum: sum}
}

// Charge counts n bytes that were or will be allocated. The error is that of the context, ErrEvicted, or an
// ErrRunLimit; the work must then end.
func (c *Charger) Charge(n int64) error {
	if c == nil {
		return nil
	}
	if c.uncharged += n; c.uncharged < chargeBatch {
		return nil
	}
	return c.flush()
}

func (c *Charger) flush() error {
	n := c.uncharged
	c.uncharged = 0
	runtime.Gosched() // lets newly started goroutines run before this one
	if err := c.Err(); err != nil {
		return err
	}
	if c.account == nil {
		return nil
	}
	if err := c.account.checkLimit(n); err != nil { // rejected without charging: no other run has to make room for it
		return err
	}
	c.sum.Add(n)
	c.account.process.addCharged(n)
	return c.account.Hold(c.ctx, n)
}

// Part returns a charger for temporary values. Drop returns what was charged on it.
func (c *Charger) Part() *Charger {
	if c == nil {
		return nil
	}
	return &Charger{ctx: c.ctx, account: c.account, sum: new(atomic.Int64)}
}

// Drop returns what was charged on a charger made by Part.
func (c *Charger) Drop() {
	if c != nil {
		c.account.Settle(c.sum)
		c.uncharged = 0
	}
}

// Err returns the reason for which the work must end; nil when it may go on.
func (c *Charger) Err() error {
	if c == nil {
		return nil
	}
	return endError(c.ctx, c.account)
}

// Settle returns the bytes that chargers with this sum have charged.
func (a *Account) Settle(sum *atomic.Int64) {
	if n := sum.Swap(0); n != 0 && a != nil {
		a.process.addCharged(-n)
		a.Release(n)
	}
}
