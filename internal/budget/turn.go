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
	large       = 1 << 20                // bytes up to which a run grows without a turn
	turnIdle    = 500 * time.Millisecond // a run that has not grown for so long has lost its turn
	turnMost    = 10 * time.Second       // after so long the turn goes to whoever waits
)

// turns is the run whose turn it is and the line of those that wait for it.
// Process.mu guards it.
type turns struct {
	of    *Account // nil: nobody's turn
	since time.Time
	grew  time.Time // when it was last asked for
	line  []*place
}

// place is a run's place in the line.
type place struct {
	account *Account
	wake    chan struct{} // 1: the first in the line looks again
}

// awaitTurn waits until a run may grow, at most until ctx ends.
func (p *Process) awaitTurn(ctx context.Context, a *Account) error {
	if a.used.Load() <= large {
		return nil
	}
	here, first := p.queueUp(a)
	if here == nil {
		return nil
	}
	defer p.leaveLine(here)
	for {
		var again <-chan time.Time
		if first {
			timer := time.NewTimer(turnIdle)
			defer timer.Stop()
			again = timer.C
		}
		select {
		case <-ctx.Done():
			return ended(ctx, a)
		case <-here.wake:
		case <-again:
		}
		var grows bool
		if grows, first = p.mayGrow(here); grows {
			return a.Err()
		}
	}
}

// queueUp returns nil when the run may grow at once, else its place, and
// whether it is the first.
func (p *Process) queueUp(a *Account) (*place, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.turns.line) == 0 || p.turns.of == a {
		if p.takeTurn(a) {
			return nil, false
		}
	}
	here := &place{account: a, wake: make(chan struct{}, 1)}
	p.turns.line = append(p.turns.line, here)
	return here, len(p.turns.line) == 1
}

// mayGrow asks again for a place in the line.
func (p *Process) mayGrow(here *place) (grows, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first = p.turns.line[0] == here
	return first && p.takeTurn(here.account), first
}

// takeTurn gives a run the turn if it is free, or needs none. mu is held.
func (p *Process) takeTurn(a *Account) bool {
	t, now := &p.turns, time.Now()
	switch {
	case t.of == a && (len(t.line) == 0 || now.Sub(t.since) < turnMost):
		t.grew = now
		return true
	case p.held() <= p.share(sharedShare):
		return true
	case t.of == a && t.line[0].account != a: // its time is over
		return false
	case t.of != nil && t.of != a && now.Sub(t.grew) < turnIdle && now.Sub(t.since) < turnMost:
		return false
	case p.fitsBeside(a) || now.Sub(t.since) >= turnMost:
		t.of, t.since, t.grew = a, now, now
		return true
	}
	return false
}

// fitsBeside reports whether the process stays calm if the run grows to the most
// that it may hold, beside what others hold now, or whether there is nothing to
// wait for: those that hold much wait for a turn themselves. mu is held.
func (p *Process) fitsBeside(a *Account) bool {
	held := p.held() - a.used.Load()
	if held+a.most <= p.share(roomShare) {
		return true
	}
	waits := map[*Account]bool{a: true}
	for _, other := range p.turns.line {
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

// leaveLine lets the next in the line look.
func (p *Process) leaveLine(here *place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.turns.line {
		if other == here {
			p.turns.line = append(p.turns.line[:i], p.turns.line[i+1:]...)
			break
		}
	}
	p.wakeFirst()
}

// endTurn ends the turn of a run that has ended. mu is held.
func (p *Process) endTurn(a *Account) {
	if p.turns.of == a {
		p.turns.of = nil
	}
	p.wakeFirst()
}

// wakeFirst lets the first in the line look again. mu is held.
func (p *Process) wakeFirst() {
	if len(p.turns.line) == 0 {
		return
	}
	select {
	case p.turns.line[0].wake <- struct{}{}:
	default: // it is awake
	}
}
