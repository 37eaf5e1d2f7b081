package session

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/penstock/penstock/store"
)

const (
	// KnownFor is how long a session that this process has found is known after its last request that Redis answered.
	KnownFor = time.Hour
	// maxKnown is the maximum number of sessions that are known.
	maxKnown = 4096
)

// Known remembers the sessions that this process has found, so that their users can go on reading while Redis does not answer.
// The zero value is empty. Safe for concurrent use.
type Known struct {
	mu  sync.Mutex
	all map[[sha256.Size]byte]known // by the SHA-256 of the cookie
}

type known struct {
	session *Session
	user    *store.User
	at      time.Time
}

// Put notes that a session and its user were found.
func (k *Known) Put(s *Session, user *store.User, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.all) >= maxKnown {
		for key, one := range k.all {
			if len(k.all) >= maxKnown || now.Sub(one.at) > KnownFor {
				delete(k.all, key)
			}
		}
	}
	if k.all == nil {
		k.all = map[[sha256.Size]byte]known{}
	}
	k.all[sha256.Sum256([]byte(s.Token))] = known{s, user, now}
}

// Find returns the session with a cookie and its user as they were found last; false: it is not known, or is over.
func (k *Known) Find(token string, now time.Time) (*Session, *store.User, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	one, ok := k.all[sha256.Sum256([]byte(token))]
	if !ok || now.Sub(one.at) > KnownFor || !one.session.live(now) {
		return nil, nil, false
	}
	return one.session, one.user, true
}

// Forget removes a session that has ended.
func (k *Known) Forget(token string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.all, sha256.Sum256([]byte(token)))
}
