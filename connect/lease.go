package connect

import (
	"sync"

	"github.com/penstock/penstock/flows"
)

// pool is a bounded pool of connections to one database, with its users.
type pool struct {
	flows.Database

	mu      sync.Mutex // guards the fields below
	users   int        // leases that have not been released
	retired func()     // closes the pool without blocking; nil: the pool is that of the current version
}

// Close closes the connections. It waits for running statements.
func (p *pool) Close() error { return p.DB.Close() }

// lease returns the database for one user, who must release it. It returns false when the pool has been retired.
func (p *pool) lease() (*flows.Database, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.retired != nil {
		return nil, false
	}
	p.users++
	db := p.Database
	db.OnRelease = sync.OnceFunc(p.leave)
	return &db, true
}

func (p *pool) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users--; p.users == 0 && p.retired != nil {
		p.retired()
	}
}

// retire calls closing once the last user has released the pool, at once when there is none. closing must not block.
func (p *pool) retire(closing func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = closing
	if p.users == 0 {
		closing()
	}
}
