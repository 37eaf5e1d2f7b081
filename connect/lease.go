package connect

import (
	"io"
	"sync"

	"github.com/penstock/penstock/flows"
)

// leases counts the users of one version of a connection, so that a replaced version is closed after its last use.
type leases struct {
	mu      sync.Mutex // guards the fields below
	users   int        // that have not left
	retired func()     // closes the version without blocking; nil: it is the current one
}

// leased is one version of a connection with leases.
type leased interface {
	io.Closer
	retire(closing func())
}

// take adds a user, who must leave. It returns false when the version has been retired.
func (l *leases) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.retired != nil {
		return false
	}
	l.users++
	return true
}

func (l *leases) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users--; l.users == 0 && l.retired != nil {
		l.retired()
	}
}

// retire calls closing once the last user has left, at once when there is none. closing must not block.
func (l *leases) retire(closing func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retired = closing
	if l.users == 0 {
		closing()
	}
}

// pool is a bounded pool of connections to one database, with its users.
type pool struct {
	flows.Database
	leases
}

// Close closes the connections. It waits for running statements.
func (p *pool) Close() error { return p.DB.Close() }

// lease returns the database for one user, who must release it. It returns false when the pool has been retired.
func (p *pool) lease() (*flows.Database, bool) {
	if !p.take() {
		return nil, false
	}
	db := p.Database
	db.OnRelease = sync.OnceFunc(p.leave)
	return &db, true
}
