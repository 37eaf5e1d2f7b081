package queue

import "sync"

// pool executes functions on goroutines that are reused. The small stack of a new
// goroutine would grow repeatedly under the deep calls of the engine, which costs a
// fifth of a worker's processor time; reused goroutines keep their grown stacks.
type pool struct {
	mu   sync.Mutex
	idle []chan func() // guarded by mu; the last one used is reused first, while its stack is in the cache
}

// run calls f on a goroutine of the pool. It does not block.
func (p *pool) run(f func()) { p.take() <- f }

func (p *pool) take() chan func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		work := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return work
	}
	work := make(chan func(), 1) // buffered, so that run never blocks
	go p.loop(work)
	return work
}

func (p *pool) loop(work chan func()) {
	for f := range work {
		f()
		p.mu.Lock()
		p.idle = append(p.idle, work)
		p.mu.Unlock()
	}
}

// close ends the goroutines. No function may be running, and run must not be called afterwards.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, work := range p.idle {
		close(work)
	}
	p.idle = nil
}
