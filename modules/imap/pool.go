package imap

import (
	"sync"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"
)

const (
	// maxIdle is the maximum number of connections that wait for steps, and idleLimit how long one does.
	maxIdle   = 2
	idleLimit = time.Minute
)

// conn is a connection that one step at a time uses.
type conn struct {
	*imapclient.Client
	wire *meter
	used time.Time // when it became idle
}

// pool keeps connections for the next steps. The zero value is an empty pool.
type pool struct {
	mu     sync.Mutex
	idle   []*conn // guarded by mu
	closed bool    // guarded by mu
}

// take returns an open connection; nil: there is none.
func (p *pool) take() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		last := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if last.open() && time.Since(last.used) < idleLimit {
			return last
		}
		_ = last.Close()
	}
	return nil
}

func (c *conn) open() bool {
	select {
	case <-c.Closed():
		return false
	default:
		return true
	}
}

func (p *pool) put(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) == maxIdle || !c.open() {
		_ = c.Close()
		return
	}
	c.used = time.Now()
	p.idle = append(p.idle, c)
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.idle {
		_ = c.Close()
	}
	p.idle = nil
}
