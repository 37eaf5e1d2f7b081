package store

import "sync"

// recordsKept bounds the records of one kind in memory.
const recordsKept = 10_000

// records are those records of one kind that were asked for, opened. The log
// of changes says which of them to forget. Safe for concurrent use.
type records[T any] struct {
	mu     sync.Mutex // guards what follows
	era    int64      // moves with each change of the store
	opened map[string]*T
}

// find returns a record that is known, and the era to keep one that is not.
func (r *records[T]) find(name string) (found *T, era int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.opened[name], r.era
}

// keep remembers a record that was read after find, unless the store has
// changed since: then it may be an older one.
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

// forget begins an era without these records.
func (r *records[T]) forget(names map[string]*string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.era++
	for name := range names {
		delete(r.opened, name)
	}
}

// clear begins an era without any record.
func (r *records[T]) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.era++
	r.opened = nil
}
