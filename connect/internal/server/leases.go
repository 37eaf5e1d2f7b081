package server

import (
	"io"
	"sync"
)

// Leases counts the users of one version of a connection, so that a replaced version is closed after its last use. The zero value
// has no users. Safe for concurrent use.
type Leases struct {
	mu      sync.Mutex // guards the fields below
	users   int        // that have not left
	retired func()     // closes the version without blocking; nil: it is the current one
}

// Leased is one version of a connection with leases.
type Leased interface {
	io.Closer
	Retire(closing func())
}

// Take adds a user, who must leave. It returns false when the version has been retired.
func (l *Leases) Take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.retired != nil {
		return false
	}
	l.users++
	return true
}

// Leave removes a user.
func (l *Leases) Leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users--; l.users == 0 && l.retired != nil {
		l.retired()
	}
}

// Retire calls closing once the last user has left, at once when there is none. closing must not block.
func (l *Leases) Retire(closing func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retired = closing
	if l.users == 0 {
		closing()
	}
}
