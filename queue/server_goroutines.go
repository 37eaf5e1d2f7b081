package queue

import "sync"

// pool executes functions on goroutines that are reused. The small stack of a new
// goroutine would grow repeatedly under the deep calls of the engine, which costs a
// fifth of a worker's processor time; reused goroutines keep their grown stacks.
type pool struct {
	mu     sync.Mutex
	idle   []chan func() // guarded by mu; the last one used is reused first, while its stack is in the cache
	closed bool          // guarded by mu
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
		if !p.rest(work) {
			return
		}
	}
}

// rest keeps a goroutine for the next function; false: the pool is closed.
func (p *pool) rest(work chan func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.idle = append(p.idle, work)
	}
	return !p.closed
}

// close ends the goroutines: those that are idle at once, the others when their
// function returns. run may still be called; its goroutine ends with f.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, work := range p.idle {
		close(work)
	}
	p.idle, p.closed = nil, true
}
