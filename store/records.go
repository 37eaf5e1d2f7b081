package store

import "sync"

// recordsKept is the maximum number of cached records of one kind.
const recordsKept = 10_000

// records caches the opened records of one kind after their first use. The log of changes tells which ones to drop.
// Safe for concurrent use.
type records[T any] struct { // guards the fields below
	mu     sync.Mutex // incremented with each change of the store
	era    int64      // moves with each change of the store
	opened map[string]*T
}

// find returns a cached record, and the era for keep.
func (r *records[T]) find(name string) (found *T, era int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.opened[name], r.era
}

// keep caches a record read after find, unless the store has changed since: the record may then be outdated.
func (r *records[T]) keep(name string, record *T, era int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.era != era {
		return
	}
	if r.opened == nil {
		r.opened = map[string]*T{}
	}
	if len(r.opened) >= recordsKept {
		for any := range r.opened {
			delete(r.opened, any)
			break
		}
	}
	r.opened[name] = record
}

// forget drops these records and starts a new era.
func (r *records[T]) forget(names map[string]*string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.era++
	for name := range names {
		delete(r.opened, name)
	}
}

// clear drops all records and starts a new era.
func (r *records[T]) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.era++
	r.opened = nil
}
