// Package budget bounds the memory of runs and of the process that executes
// them. A run is charged while it makes values. When the heap nears the limit
// of the process, the run that holds most ends and the others go on.
package budget

import (
	"context"
	"log/slog"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
)

// Shares of the limit, percent. What is above highShare is for garbage, stacks
// and what is made between two looks at the heap.
const (
	highShare = 70 // above it runs end
	calmShare = 62 // so many end that the heap falls to about this
	roomShare = 60 // of it what is alive may take while new work is taken: a new run grows to a little without a turn
	lowShare  = 50 // above it the heap is collected twice a second
	runShare  = 35 // of it one run may hold
	bodyShare = 15 // of it the bodies of requests may hold together
)

// maxRun is what one run may hold unless its bound is smaller, bytes.
const maxRun = 256 << 20

const (
	checkBytes    = 1 << 20                // bytes that runs charge between two looks at the heap
	checkInterval = 50 * time.Millisecond  // between two looks of Run
	gcInterval    = 500 * time.Millisecond // between two collections that Run asks for
	evictTimeout  = 250 * time.Millisecond // how long a run that must end may take until another one must
)

// Process is the budget of one process. Safe for concurrent use. A nil Process
// has no limit.
type Process struct {
	limit int64
	log   *slog.Logger

	charged    atomic.Int64 // bytes on tabs
	bodies     atomic.Int64 // bytes of request bodies
	sinceCheck atomic.Int64 // bytes charged since the last look
	heap       atomic.Int64 // bytes of objects at the last look
	full       atomic.Bool  // no room for new work
	ended      atomic.Int64 // runs that had to end
	denied     atomic.Int64 // requests that were turned away

	checking chan struct{} // held by the one that looks; others wait for it

	mu     sync.Mutex
	runs   map[*Account]struct{} // guarded by mu; those that hold more than a little
	growth growthTurns           // guarded by mu
}

// New returns the budget of a process that may use so many bytes. A limit of 0
// or less is none: nil is returned. log is required.
func New(limit int64, log *slog.Logger) *Process {
	if limit <= 0 {
		return nil
	}
	return &Process{limit: limit, log: log, checking: make(chan struct{}, 1), runs: map[*Account]struct{}{}}
}

// share is a part of the limit, bytes.
func (p *Process) share(percent int64) int64 { return p.limit / 100 * percent }

// runLimit is the bound of a run that asks for one.
func (p *Process) runLimit(wanted int64) int64 {
	if wanted <= 0 || wanted > maxRun {
		wanted = maxRun
	}
	if p != nil {
		wanted = min(wanted, p.share(runShare))
	}
	return wanted
}

// addCharged counts what is on tabs.
func (p *Process) addCharged(n int64) {
	if p != nil {
		p.charged.Add(n)
	}
}

func (p *Process) add(a *Account) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a.closed = make(chan struct{})
	p.runs[a] = struct{}{}
}

func (p *Process) remove(a *Account) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.runs[a]; known {
		delete(p.runs, a)
		close(a.closed)
		p.endTurn(a)
	}
}

// checkHeap looks at the heap once lookEvery bytes were charged since the last
// time. A run that charges while the process is short of memory waits here for
// room, or learns that it must end.
func (p *Process) checkHeap(ctx context.Context, a *Account, n int64) error {
	if p.sinceCheck.Add(n) < checkBytes {
		return nil
	}
	select {
	case p.checking <- struct{}{}:
	case <-ctx.Done():
		return endError(ctx, a)
	}
	defer func() { <-p.checking }()
	if p.sinceCheck.Load() < checkBytes && n < checkBytes { // another one has looked meanwhile
		return a.Err()
	}
	for {
		if err := endError(ctx, a); err != nil {
			return err
		}
		if p.fits(n) {
			p.sinceCheck.Store(0)
			return nil
		}
		if !p.evictLargest(ctx, a) {
			return a.Err() // nobody is left to end but who holds little
		}
	}
}

// endError is why a run must not go on: ErrPressed rather than its context, which
// ends with it.
func endError(ctx context.Context, a *Account) error {
	if err := a.Err(); err != nil {
		return err
	}
	return ctx.Err()
}

// fits reports whether n bytes more leave the process below its mark, after a
// collection if need be.
func (p *Process) fits(n int64) bool {
	high := p.share(highShare)
	if p.charged.Load() > high {
		return false
	}
	if p.readHeap()+n < high {
		return true
	}
	runtime.GC()
	return p.readHeap()+n < high
}

// readHeap reads the heap: bytes of objects, with what is dead and not yet swept.
// It finds out whether there is room for new work: what is dead takes none.
func (p *Process) readHeap() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	heap := int64(samples[0].Value.Uint64())
	p.heap.Store(heap)
	live := int64(samples[1].Value.Uint64())
	full := min(heap, live) >= p.share(roomShare)
	if p.full.Swap(full) != full {
		p.log.Info("room for new work", "room", !full, "heap", heap, "live", live, "limit", p.limit)
	}
	return heap
}

// evictLargest ends the runs that hold most, as many as it takes, and waits until
// they have. Only who has the turn calls it; a is its run, or nil. It returns
// false when no run holds enough to be worth it.
func (p *Process) evictLargest(ctx context.Context, a *Account) bool {
	over := max(p.heap.Load(), p.charged.Load()) - p.share(calmShare)
	var going []*Account
	for over > 0 || len(going) == 0 {
		most := p.largest()
		if most == nil {
			break
		}
		over -= most.Used()
		p.ended.Add(1)
		p.log.Warn("short of memory: the run that holds most ends", "held", most.Used(), "heap", p.heap.Load(), "limit", p.limit)
		most.evict()
		going = append(going, most)
	}
	timer := time.NewTimer(evictTimeout)
	defer timer.Stop()
	for _, b := range going {
		if b == a {
			continue // it ends when it hears of it
		}
		select {
		case <-b.closed:
		case <-timer.C:
			return true
		case <-ctx.Done():
			return true
		}
	}
	return len(going) > 0
}

// largest is the run that holds most of those that do not end already.
func (p *Process) largest() *Account {
	p.mu.Lock()
	defer p.mu.Unlock()
	var most *Account
	for a := range p.runs {
		if !a.evicted.Load() && (most == nil || a.Used() > most.Used()) {
			most = a
		}
	}
	return most
}
