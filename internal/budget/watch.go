package budget

import (
	"context"
	"runtime"
	"time"
)

// Run looks at the heap all the time, for what nobody charges, until ctx ends.
func (p *Process) Run(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var last time.Time // of a collection
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		select {
		case p.turn <- struct{}{}:
			p.watch(ctx, &last)
			<-p.turn
		default: // a run looks
		}
	}
}

func (p *Process) watch(ctx context.Context, last *time.Time) {
	heap := p.look()
	if heap >= p.share(highShare) || heap >= p.share(lowShare) && time.Since(*last) >= collected {
		runtime.GC() // what is dead ends no run, and keeps none waiting
		heap, *last = p.look(), time.Now()
	}
	if heap >= p.share(highShare) && p.relieve(ctx, nil) {
		runtime.GC()
		p.look()
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
	if p.doors.Add(n) <= p.share(doorShare) && p.Room() {
		return true
	}
	p.doors.Add(-n)
	p.denied.Add(1)
	return false
}

// Free gives back what Admit took.
func (p *Process) Free(n int64) {
	if p != nil {
		p.doors.Add(-n)
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
		Limit: p.limit, Heap: p.heap.Load(), Charged: p.made.Load() + p.doors.Load(),
		Ended: p.ended.Load(), Denied: p.denied.Load(), Full: p.full.Load(),
	}
}
