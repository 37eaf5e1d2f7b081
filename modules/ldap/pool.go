package ldap

import (
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const (
	// maxIdle is the maximum number of connections that wait for steps, and idleLimit how long one does.
	maxIdle   = 4
	idleLimit = time.Minute
)

// conn is a connection that one step at a time uses.
type conn struct {
	*ldap.Conn
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
		if !last.IsClosing() && time.Since(last.used) < idleLimit {
			return last
		}
		_ = last.Close()
	}
	return nil
}

func (p *pool) put(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) == maxIdle || c.IsClosing() {
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
