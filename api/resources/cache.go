package resources

import (
	"container/list"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"github.com/penstock/penstock/internal/budget"
)

// The bounds of the cache of a process, in bytes of answers.
const (
	maxKept    = 64 << 20
	maxKeptOne = 1 << 20
	keptExtra  = 1 << 10 // what an answer takes besides its body
)

// errLeft says that who led a flight went away before there was an answer.
var errLeft = errors.New("who led the request left")

// unfinishedError says that the run of a flight takes longer than a request waits: all its callers get the address of the run.
type unfinishedError struct{ run string }

func (e *unfinishedError) Error() string { return "run " + e.run + " has not ended" }

// cacheKey names equal requests.
type cacheKey [sha256.Size]byte

// kept is an answer, and until when it counts.
type kept struct {
	reply *reply
	until time.Time
}

// flight is a run whose answer several requests wait for.
type flight struct {
	done chan struct{} // closed when kept and err are set
	kept kept
	err  error
}

// cache keeps answers, the least recently used first to go, and makes one run
// of equal requests that come at once. Safe for concurrent use.
type cache struct {
	memory *budget.Process

	mu      sync.Mutex // guards the fields below
	entries map[cacheKey]*list.Element
	recent  *list.List // of entry, most recently used first
	size    int64
	flights map[cacheKey]*flight
}

type entry struct {
	key  cacheKey
	kept kept
}

func newCache(memory *budget.Process) *cache {
	return &cache{memory: memory, entries: map[cacheKey]*list.Element{}, recent: list.New(), flights: map[cacheKey]*flight{}}
}

// look returns the answer to a request, or the flight that will have it. leads
// is true for the one caller that must make the answer, and then call end.
func (ca *cache) look(key cacheKey, now time.Time) (k *kept, f *flight, leads bool) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if e := ca.entries[key]; e != nil {
		found := e.Value.(*entry)
		if now.Before(found.kept.until) {
			ca.recent.MoveToFront(e)
			return &found.kept, nil, false
		}
		ca.drop(e)
	}
	if f = ca.flights[key]; f != nil {
		return nil, f, false
	}
	f = &flight{done: make(chan struct{})}
	ca.flights[key] = f
	return nil, f, true
}

// end gives those who wait the answer, or why there is none, and keeps an
// answer that may be kept.
func (ca *cache) end(key cacheKey, f *flight, k kept, err error) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	delete(ca.flights, key)
	f.kept, f.err = k, err
	if err == nil && k.reply == nil {
		f.err = errLeft
	}
	close(f.done)
	if f.err == nil && k.reply.keepable() {
		ca.keep(&entry{key, k})
	}
}

// keep adds an answer if there is room for it. The caller holds mu.
func (ca *cache) keep(e *entry) {
	size := e.size()
	if size > maxKeptOne || !ca.memory.Admit(size) {
		return
	}
	ca.entries[e.key] = ca.recent.PushFront(e)
	for ca.size += size; ca.size > maxKept; {
		ca.drop(ca.recent.Back())
	}
}

// drop removes an answer. The caller holds mu.
func (ca *cache) drop(e *list.Element) {
	old := ca.recent.Remove(e).(*entry)
	delete(ca.entries, old.key)
	ca.size -= old.size()
	ca.memory.Free(old.size())
}

func (e *entry) size() int64 { return int64(len(e.kept.reply.body)) + keptExtra }
