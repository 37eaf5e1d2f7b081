// Package idlepool keeps connections that nobody uses for their next users.
package idlepool

import (
	"sync"
	"time"
)

// Conn is a connection. It is used by one at a time.
type Conn interface {
	// Open reports whether the connection can be used, as far as is known here.
	Open() bool
	Close() error
}

// Pool keeps connections. Safe for concurrent use.
type Pool[C Conn] struct {
	most  int
	limit time.Duration

	mu     sync.Mutex
	idle   []idle[C] // guarded by mu; the last one was used last
	closed bool      // guarded by mu
}

// idle is a connection since it is not used.
type idle[C Conn] struct {
	conn  C
	since time.Time
}

// New returns an empty pool. It keeps at most that many connections, each for the limit.
func New[C Conn](most int, limit time.Duration) *Pool[C] {
	return &Pool[C]{most: most, limit: limit}
}

// Take returns an open connection; false: there is none.
func (p *Pool[C]) Take() (conn C, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		last := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if last.conn.Open() && time.Since(last.since) < p.limit {
			return last.conn, true
		}
		_ = last.conn.Close() // it is of no use any more
	}
	return conn, false
}

// Put keeps a connection, or closes it.
func (p *Pool[C]) Put(conn C) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) == p.most || !conn.Open() {
		_ = conn.Close() // it is of no use any more
		return
	}
	p.idle = append(p.idle, idle[C]{conn, time.Now()})
}

// Close closes the connections, and those that are put later.
func (p *Pool[C]) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, one := range p.idle {
		_ = one.conn.Close() // it is of no use any more
	}
	p.idle = nil
}
