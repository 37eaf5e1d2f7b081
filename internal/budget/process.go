// Package budget limits the memory of runs and of the process that executes them. A run is charged while it creates
// values. When the heap nears the limit of the process, the run that holds the most is ended and the others go on.
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

// Shares of the limit, in percent. The rest above highShare is for garbage, stacks and allocations between two
// readings of the heap.
const (
	highShare = 70 // above this, runs are evicted
	calmShare = 62 // eviction continues until the heap falls to about this
	roomShare = 60 // live heap below which new work is taken; a new run may grow to freeGrowth without a turn
	lowShare  = 50 // above this, the heap is collected twice a second
	runShare  = 35 // maximum of one run
	bodyShare = 15 // maximum of all request bodies together
)

// maxRun is the limit of one run without a smaller one, in bytes.
const maxRun = 256 << 20

const (
	checkBytes    = 1 << 20                // bytes charged by runs between two readings of the heap
	checkInterval = 50 * time.Millisecond  // interval of the readings by Run
	gcInterval    = 500 * time.Millisecond // minimum interval of collections requested by Run
	evictTimeout  = 250 * time.Millisecond // time for an evicted run to end, before another one is evicted
)

// Process is the memory budget of one process. Safe for concurrent use. A nil Process has no limit.
type Process struct {
	limit int64
	log   *slog.Logger

	charged    atomic.Int64 // bytes charged on chargers
	bodies     atomic.Int64 // bytes of request bodies
	sinceCheck atomic.Int64 // bytes charged since the last reading
	heap       atomic.Int64 // bytes of heap objects at the last reading
	full       atomic.Bool  // no memory for new work
	ended      atomic.Int64 // number of evicted runs
	denied     atomic.Int64 // number of rejected requests

	checking chan struct{} // semaphore of the goroutine that checks the heap; others wait for it

	mu     sync.Mutex
	runs   map[*Account]struct{} // guarded by mu; runs that hold more than 1<<reportShift bytes
	growth growthTurns           // guarded by mu
}

// New returns the budget of a process that may use limit bytes. A limit of 0 or less means none: New returns nil. log
// is required.
func New(limit int64, log *slog.Logger) *Process {
	if limit <= 0 {
		return nil
	}
	return &Process{limit: limit, log: log, checking: make(chan struct{}, 1), runs: map[*Account]struct{}{}}
}

// share returns a percentage of the limit in bytes.
func (p *Process) share(percent int64) int64 { return p.limit / 100 * percent }

// runLimit returns the limit of a run that asks for wanted bytes.
func (p *Process) runLimit(wanted int64) int64 {
	if wanted <= 0 || wanted > maxRun {
		wanted = maxRun
	}
	if p != nil {
		wanted = min(wanted, p.share(runShare))
	}
	return wanted
}

// addCharged adds n bytes charged on chargers.
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

// checkHeap reads the heap once checkBytes have been charged since the last reading. While the process is short of
// memory, the charging run waits here, or gets the error that it must end.
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
	if p.sinceCheck.Load() < checkBytes && n < checkBytes { // another goroutine has read the heap meanwhile
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
			return a.Err() // the remaining runs hold too little to evict
		}
	}
}

// endError returns the reason for which a run must end; ErrEvicted takes precedence over the end of its context.
func endError(ctx context.Context, a *Account) error {
	if err := a.Err(); err != nil {
		return err
	}
	return ctx.Err()
}

// fits reports whether n more bytes leave the process below highShare, after a collection if necessary.
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

// readHeap returns the bytes of heap objects, including garbage not yet swept. It also decides whether there is
// memory for new work, for which garbage does not count.
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

// evictLargest evicts as many of the largest runs as necessary and waits for their end. Only the holder of the
// checking semaphore may call it; a is that holder's run, or nil. It returns false when no run is large enough.
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
			continue // it ends at its next charge
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

// largest returns the run that holds the most and is not evicted; nil when there is none.
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
