package queue

import "sync"

// pool runs functions on goroutines that live on. A new goroutine's small stack
// grows again and again under an engine's deep calls: a fifth of a worker's
// processor time, which goroutines with grown stacks save.
type pool struct {
	mu   sync.Mutex
	idle []chan func() // guarded by mu; the last one used is used next, while its stack is warm
}

// run calls f on a goroutine of the pool.
func (p *pool) run(f func()) { p.take() <- f }

func (p *pool) take() chan func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		work := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return work
	}
	work := make(chan func(), 1) // who hands over work never waits
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

// close ends the goroutines. Nothing may run any more.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, work := range p.idle {
		close(work)
	}
	p.idle = nil
}
