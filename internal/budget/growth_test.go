package budget

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Runs that each need the maximum of a run get it one after the other: together they never hold much more than one of
// them.
func TestLargeRunsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(1<<40, quiet()) // the heap never reaches the limit: only charges count
		shared := p.share(sharedShare)
		var together, most atomic.Int64
		for range 20 {
			go func() {
				a := p.Open(0, nil)
				defer a.Close()
				a.limit = 0
				for range 100 {
					if err := a.Hold(t.Context(), shared/50); err != nil {
						t.Error(err)
					}
					now := together.Add(shared / 50)
					for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
					}
					time.Sleep(time.Millisecond) // of the bubble's clock: the others try meanwhile
				}
				together.Add(-2 * shared)
			}()
		}
		synctest.Wait()
		for together.Load() > 0 || most.Load() == 0 {
			time.Sleep(time.Second)
		}
		if limit := 4 * shared; most.Load() > limit {
			t.Errorf("%d were held at once, %d times what one run holds", most.Load(), most.Load()/(2*shared))
		}
	})
}

// A run that has its turn and does not grow does not stop the others, and one that ends while it waits leaves the
// line.
func TestATurnIsNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(1<<40, quiet())
		shared := p.share(sharedShare)
		open := func() *Account {
			a := p.Open(0, nil)
			a.limit = 0
			t.Cleanup(a.Close)
			return a
		}
		idle, next, last := open(), open(), open()
		if err := idle.Hold(t.Context(), 2*shared); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), turnIdle/2)
		defer cancel()
		if err := next.Hold(ctx, shared); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("beside a run that has the turn: %v", err)
		}
		begun := time.Now()
		if err := last.Hold(t.Context(), shared); err != nil || time.Since(begun) > 2*turnIdle {
			t.Errorf("behind a run that does not grow: %v after %v", err, time.Since(begun))
		}
		small := open()
		begun = time.Now()
		if err := small.Hold(t.Context(), freeGrowth); err != nil || time.Since(begun) > 0 {
			t.Errorf("a small run: %v after %v", err, time.Since(begun))
		}
	})
}

// A run that grows without end loses its turn after a while.
func TestATurnEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(1<<40, quiet())
		shared := p.share(sharedShare)
		slow, other := p.Open(0, nil), p.Open(0, nil)
		slow.limit, other.limit = 0, 0
		defer other.Close()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			defer slow.Close()
			for n := 2 * shared; slow.Hold(ctx, n) == nil; n = 1 << reportShift {
				time.Sleep(turnIdle / 2)
			}
		}()
		synctest.Wait()
		begun := time.Now()
		if err := other.Hold(t.Context(), 2*freeGrowth); err != nil || time.Since(begun) > 2*maxTurn {
			t.Errorf("beside a run that grows slowly: %v after %v", err, time.Since(begun))
		}
		cancel()
		<-ended
	})
}

// largeAccounts returns a process, a function that opens accounts of it, and the most that one may hold: two of them
// fit at once.
func largeAccounts() (p *Process, open func() *Account, most int64) {
	p = New(1<<40, quiet())
	most = p.share(roomShare) / 2
	return p, func() *Account {
		a := p.Open(0, nil)
		a.limit = most
		return a
	}, most
}

// The next run waits while the memory held by others leaves no space for its maximum, but not for ever.
func TestATurnBeginsWhereItFits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, open, most := largeAccounts()
		hold := func(a *Account) time.Duration {
			t.Helper()
			begun := time.Now()
			if err := a.Hold(t.Context(), most); err != nil {
				t.Fatal(err)
			}
			return time.Since(begun)
		}
		first, second, third, fourth := open(), open(), open(), open()
		defer third.Close()
		defer fourth.Close()
		if waited := hold(first); waited > 0 {
			t.Errorf("the first waited for %v", waited)
		}
		if waited := hold(second); waited > 2*turnIdle {
			t.Errorf("the second, which fits beside it, waited for %v", waited)
		}
		ended := time.AfterFunc(maxTurn/2, func() { first.Close(); second.Close() })
		defer ended.Stop()
		if waited := hold(third); waited < maxTurn/2 || waited > maxTurn/2+turnIdle {
			t.Errorf("the third, which does not fit, waited for %v", waited)
		}
		third.used.Add(most) // so that nothing fits beside it
		if waited := hold(fourth); waited < maxTurn/2 || waited > maxTurn+turnIdle {
			t.Errorf("the fourth, beside one that does not end, waited for %v", waited)
		}
	})
}

// Runs that hold much and wait do not wait for each other.
func TestNobodyWaitsForThoseThatWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, open, most := largeAccounts()
		var all []*Account
		for range 4 { // together they hold more than fits
			a := open()
			if a.used.Add(most / 4 * 3); !a.registered.Swap(true) {
				p.add(a)
			}
			all = append(all, a)
		}
		begun := time.Now()
		p.growth.since = begun // the last turn was not long ago
		var ends sync.WaitGroup
		for _, a := range all {
			ends.Go(func() {
				if err := a.Hold(t.Context(), 2*freeGrowth); err != nil {
					t.Error(err)
				}
				a.Close()
			})
		}
		if ends.Wait(); time.Since(begun) > 2*turnIdle {
			t.Errorf("they waited for %v", time.Since(begun))
		}
	})
}
