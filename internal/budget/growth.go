package budget

import (
	"context"
	"time"
)

// Runs that hold much take turns: above sharedShare of the limit one run grows
// at a time, and the others wait where they are. So 64 runs that each want
// the most that a run may hold need little more than one of them, and neither
// end each other nor keep the process from taking new runs. The next one begins
// while earlier ones still work with what they made only if it fits beside them.
const (
	sharedShare = 10                     // percent of the limit that runs hold before they take turns
	freeGrowth  = 1 << 20                // bytes up to which a run grows without a turn
	turnIdle    = 500 * time.Millisecond // a run that has not grown for so long has lost its turn
	maxTurn     = 10 * time.Second       // after so long the turn goes to whoever waits
)

// growthTurns is the run whose turn it is and the line of those that wait for it.
// Process.mu guards it.
type growthTurns struct {
	owner   *Account // nil: nobody's turn
	since   time.Time
	grew    time.Time // when it was last asked for
	waiting []*growthWaiter
}

// growthWaiter is a run's place in the line.
type growthWaiter struct {
	account *Account
	wake    chan struct{} // 1: the first in the line looks again
}

// awaitTurn waits until a run may grow, at most until ctx ends.
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

// enqueue returns nil when the run may grow at once, else its place, and
// whether it is the first.
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

// mayGrow asks again for a place in the line.
func (p *Process) mayGrow(here *growthWaiter) (grows, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first = p.growth.waiting[0] == here
	return first && p.takeTurn(here.account), first
}

// takeTurn gives a run the turn if it is free, or needs none. mu is held.
func (p *Process) takeTurn(a *Account) bool {
	t, now := &p.growth, time.Now()
	switch {
	case t.owner == a && (len(t.waiting) == 0 || now.Sub(t.since) < maxTurn):
		t.grew = now
		return true
	case p.held() <= p.share(sharedShare):
		return true
	case t.owner == a && t.waiting[0].account != a: // its time is over
		return false
	case t.owner != nil && t.owner != a && now.Sub(t.grew) < turnIdle && now.Sub(t.since) < maxTurn:
		return false
	case p.fitsBeside(a) || now.Sub(t.since) >= maxTurn:
		t.owner, t.since, t.grew = a, now, now
		return true
	}
	return false
}

// fitsBeside reports whether the process stays calm if the run grows to the most
// that it may hold, beside what others hold now, or whether there is nothing to
// wait for: those that hold much wait for a turn themselves. mu is held.
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

// held is what the runs that the process knows hold together. mu is held.
func (p *Process) held() int64 {
	sum := int64(0)
	for a := range p.runs {
		sum += a.used.Load()
	}
	return sum
}

// dequeue lets the next in the line look.
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

// endTurn ends the turn of a run that has ended. mu is held.
func (p *Process) endTurn(a *Account) {
	if p.growth.owner == a {
		p.growth.owner = nil
	}
	p.wakeFirst()
}

// wakeFirst lets the first in the line look again. mu is held.
func (p *Process) wakeFirst() {
	if len(p.growth.waiting) == 0 {
		return
	}
	select {
	case p.growth.waiting[0].wake <- struct{}{}:
	default: // it is awake
	}
}
