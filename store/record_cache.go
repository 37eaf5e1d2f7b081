package store

import "sync"

// maxCachedRecords is the maximum number of cached records of one kind.
const maxCachedRecords = 10_000

// recordCache caches the opened records of one kind after their first use. The log of changes determines which ones to
// drop. Safe for concurrent use.
type recordCache[T any] struct {
	mu         sync.Mutex // guards the fields below
	generation int64      // incremented with each change of the store
	opened     map[string]*T
}

// find returns a cached record, and the generation for keep.
func (r *recordCache[T]) find(name string) (found *T, generation int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.opened[name], r.generation
}

// keep caches a record read after find, unless the store has changed since: the record may then be outdated.
func (r *recordCache[T]) keep(name string, record *T, generation int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.generation != generation {
		return
	}
	if r.opened == nil {
		r.opened = map[string]*T{}
	}
	if len(r.opened) >= maxCachedRecords {
		for any := range r.opened {
			delete(r.opened, any)
			break
		}
	}
	r.opened[name] = record
}

// forget drops these records and starts a new generation.
func (r *recordCache[T]) forget(names map[string]*string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.generation++
	for name := range names {
		delete(r.opened, name)
	}
}

// clear drops all records and starts a new generation.
func (r *recordCache[T]) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.generation++
	r.opened = nil
}
