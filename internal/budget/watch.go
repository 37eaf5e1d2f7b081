package budget

import (
	"context"
	"runtime"
	"time"
)

// Run looks at the heap all the time, for what nobody charges, until ctx ends.
func (p *Process) Run(ctx context.Context) error {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	var last time.Time // of a collection
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
		default: // a run looks
		}
	}
}

func (p *Process) watch(ctx context.Context, last *time.Time) {
	heap := p.readHeap()
	if heap >= p.share(highShare) || heap >= p.share(lowShare) && time.Since(*last) >= gcInterval {
		runtime.GC() // what is dead ends no run, and keeps none waiting
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

// Admit takes memory for the body of a request, or says that there is none.
// Free gives it back.
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

// Free gives back what Admit took.
func (p *Process) Free(n int64) {
	if p != nil {
		p.bodies.Add(-n)
	}
}

// Stats are what a process' budget has to tell. Bytes.
type Stats struct {
	Limit   int64
	Heap    int64 // at the last look
	Charged int64 // by work that goes on, and by the bodies of requests
	Ended   int64 // runs that had to end, since the start
	Denied  int64 // requests that were turned away, since the start
	Full    bool  // no new work is taken
}

// Stats tells how the process is doing.
func (p *Process) Stats() Stats {
	if p == nil {
		return Stats{}
	}
	return Stats{
		Limit: p.limit, Heap: p.heap.Load(), Charged: p.charged.Load() + p.bodies.Load(),
		Ended: p.ended.Load(), Denied: p.denied.Load(), Full: p.full.Load(),
	}
}
