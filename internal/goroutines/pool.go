// Package goroutines reuses goroutines, so that their grown stacks are reused.
package goroutines

import "sync"

// Pool executes functions on goroutines that are reused. The small stack of a new
// goroutine would grow repeatedly under the deep calls of the engine, which costs a
// fifth of a worker's processor time; reused goroutines keep their grown stacks. The zero
// value is an empty pool. Safe for concurrent use.
type Pool struct {
	mu     sync.Mutex
	idle   []chan func() // guarded by mu; the last one used is reused first, while its stack is in the cache
	closed bool          // guarded by mu
}

// Run calls f on a goroutine of the pool. It does not block.
func (p *Pool) Run(f func()) { p.take() <- f }

func (p *Pool) take() chan func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		work := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return work
	}
	work := make(chan func(), 1) // buffered, so that Run never blocks
	go p.loop(work)
	return work
}

func (p *Pool) loop(work chan func()) {
	for f := range work {
		f()
		if !p.rest(work) {
			return
		}
	}
}

// rest keeps a goroutine for the next function; false: the pool is closed.
func (p *Pool) rest(work chan func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.idle = append(p.idle, work)
	}
	return !p.closed
}

// Close ends the goroutines: those that are idle at once, the others when their
// function returns. Run may still be called; its goroutine ends with f.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, work := range p.idle {
		close(work)
	}
	p.idle, p.closed = nil, true
}
