package budget

import (
	"context"
	"time"
)

// Runs that hold much memory grow in turns. Above sharedShare of the limit one run grows at a time and the others
// wait. So 64 runs that each need the maximum of a run need little more memory than one of them; they neither evict
// each other nor block new runs. The next run gets its turn while earlier ones still hold their values only if both
// fit.
const (
	sharedShare = 10                     // percentage of the limit below which runs grow without turns
	freeGrowth  = 1 << 20                // bytes up to which a run grows without a turn
	turnIdle    = 500 * time.Millisecond // a run that has not grown for this long loses its turn
	maxTurn     = 10 * time.Second       // after this long the turn passes to a waiting run
)

// growthTurns tracks the run that may grow and those that wait for it. Process.mu guards it.
type growthTurns struct {
	owner   *Account // run that has the turn; nil: none
	since   time.Time
	grew    time.Time // last time at which owner grew
	waiting []*growthWaiter
}

// growthWaiter is a run that waits for a turn.
type growthWaiter struct {
	account *Account
	wake    chan struct{} // buffer 1: tells the first waiter to try again
}

// awaitTurn waits until a run may grow, or until ctx ends.
func (p *Process) awaitTurn(ctx context.Context, a *Account) error {
	if a.used.Load() <= freeGrowth {
		return nil
	}
	here, first := p.enqueue(a)
	if here == nil {
		return nil
	}
	defer p.dequeue(here)
	for {
		var again <-chan time.Time
		if first {
			timer := time.NewTimer(turnIdle)
			defer timer.Stop()
			again = timer.C
		}
		select {
		case <-ctx.Done():
			return endError(ctx, a)
		case <-here.wake:
		case <-again:
		}
		var grows bool
		if grows, first = p.mayGrow(here); grows {
			return a.Err()
		}
	}
}

// enqueue returns nil when the run may grow at once; else its waiter, and whether it is the first one.
func (p *Process) enqueue(a *Account) (*growthWaiter, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.growth.waiting) == 0 || p.growth.owner == a {
		if p.takeTurn(a) {
			return nil, false
		}
	}
	here := &growthWaiter{account: a, wake: make(chan struct{}, 1)}
	p.growth.waiting = append(p.growth.waiting, here)
	return here, len(p.growth.waiting) == 1
}

// mayGrow tries again to take the turn for a waiter.
func (p *Process) mayGrow(here *growthWaiter) (grows, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first = p.growth.waiting[0] == here
	return first && p.takeTurn(here.account), first
}

// takeTurn reports whether a run may grow, and gives it the turn if it needs one. p.mu must be held.
func (p *Process) takeTurn(a *Account) bool {
	t, now := &p.growth, time.Now()
	switch {
	case t.owner == a && (len(t.waiting) == 0 || now.Sub(t.since) < maxTurn):
		t.grew = now
		return true
	case p.held() <= p.share(sharedShare):
		return true
	case t.owner == a && t.waiting[0].account != a: // its turn has expired
		return false
	case t.owner != nil && t.owner != a && now.Sub(t.grew) < turnIdle && now.Sub(t.since) < maxTurn:
		return false
	case p.fitsBeside(a) || now.Sub(t.since) >= maxTurn:
		t.owner, t.since, t.grew = a, now, now
		return true
	}
	return false
}

// fitsBeside reports whether the process stays below roomShare when the run grows to its limit beside what the others
// hold now, or whether waiting would not help, because the others wait for a turn themselves. p.mu must be held.
func (p *Process) fitsBeside(a *Account) bool {
	held := p.held() - a.used.Load()
	if held+a.limit <= p.share(roomShare) {
		return true
	}
	waits := map[*Account]bool{a: true}
	for _, other := range p.growth.waiting {
		if !waits[other.account] {
			waits[other.account] = true
			held -= other.account.used.Load()
		}
	}
	return held <= p.share(sharedShare)
}

// held returns the total of the registered runs. p.mu must be held.
func (p *Process) held() int64 {
	sum := int64(0)
	for a := range p.runs {
		sum += a.used.Load()
	}
	return sum
}

// dequeue removes a waiter and wakes the next one.
func (p *Process) dequeue(here *growthWaiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.growth.waiting {
		if other == here {
			p.growth.waiting = append(p.growth.waiting[:i], p.growth.waiting[i+1:]...)
			break
		}
	}
	p.wakeFirst()
}

// endTurn ends the turn of a run that has ended. p.mu must be held.
func (p *Process) endTurn(a *Account) {
	if p.growth.owner == a {
		p.growth.owner = nil
	}
	p.wakeFirst()
}

// wakeFirst makes the first waiter try again. p.mu must be held.
func (p *Process) wakeFirst() {
	if len(p.growth.waiting) == 0 {
		return
	}
	select {
	case p.growth.waiting[0].wake <- struct{}{}:
	default: // it is awake already
	}
}
