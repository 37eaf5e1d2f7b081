package budget

import (
	"context"
	"runtime"
	"time"
)

// Run reads the heap periodically until ctx ends, for allocations that are not charged.
func (p *Process) Run(ctx context.Context) error {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	var last time.Time // time of the last collection
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		select {
		case p.checking <- struct{}{}:
			p.watch(ctx, &last)
			<-p.checking
		default: // a run is reading the heap
		}
	}
}

func (p *Process) watch(ctx context.Context, last *time.Time) {
	heap := p.readHeap()
	if heap >= p.share(highShare) || heap >= p.share(lowShare) && time.Since(*last) >= gcInterval {
		runtime.GC() // garbage must neither evict a run nor keep one waiting
		heap, *last = p.readHeap(), time.Now()
	}
	if heap >= p.share(highShare) && p.evictLargest(ctx, nil) {
		runtime.GC()
		p.readHeap()
		*last = time.Now()
	}
}

// Room reports whether there is memory for new work. It does not block.
func (p *Process) Room() bool { return p == nil || !p.full.Load() }

// Admit reserves n bytes for the body of a request and reports whether there was memory for it. Free returns them.
func (p *Process) Admit(n int64) bool {
	if p == nil {
		return true
	}
	if p.bodies.Add(n) <= p.share(bodyShare) && p.Room() {
		return true
	}
	p.bodies.Add(-n)
	p.denied.Add(1)
	return false
}

// Free returns bytes reserved by Admit.
func (p *Process) Free(n int64) {
	if p != nil {
		p.bodies.Add(-n)
	}
}

// Stats is the state of a process's budget. Sizes are in bytes.
type Stats struct {
	Limit   int64
	Heap    int64 // at the last reading
	Charged int64 // by running work and request bodies
	Ended   int64 // evicted runs since the start
	Denied  int64 // rejected requests since the start
	Full    bool  // no new work is taken
}

// Stats returns the current state.
func (p *Process) Stats() Stats {
	if p == nil {
		return Stats{}
	}
	return Stats{
		Limit: p.limit, Heap: p.heap.Load(), Charged: p.charged.Load() + p.bodies.Load(),
		Ended: p.ended.Load(), Denied: p.denied.Load(), Full: p.full.Load(),
	}
}
