package secretstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// minRefresh is the default of Config.MinRefresh.
	minRefresh = 10 * time.Second
	// minPause and maxPause bound the time between two tries after failures.
	minPause = time.Second
	maxPause = 30 * time.Second
	// finalPause is how long a failure that is not temporary is an answer for everybody.
	finalPause = 5 * time.Second
	// usedIdle is how long a document that is not used is kept fresh, and failingIdle how long one that cannot be read is tried.
	usedIdle, failingIdle = time.Hour, 15 * time.Minute
	// leaseMargin is the time before the end of a lease from which its credential is not given out.
	leaseMargin = time.Second
)

// reading is a document that was read.
type reading struct {
	document *Document
	serial   uint64    // identifies the content
	at       time.Time // when the store last gave this content
	ends     time.Time // of the lease; zero: never
}

// entry is one document, which one goroutine reads and keeps fresh.
type entry struct {
	stores *Stores
	ref    Reference // without a member
	ttl    time.Duration
	used   atomic.Int64  // last use, Unix nanoseconds
	wake   chan struct{} // asks keep for a reading

	mu       sync.Mutex    // guards the fields below
	last     reading       // zero: none
	failed   *Error        // of the last try; nil: it succeeded
	failing  time.Time     // since when
	tried    time.Time     // when the last try ended
	changed  chan struct{} // closed at the end of the try that runs, or of the next one
	failures int           // tries in succession
	// wanted counts the calls of refresh. serving and served are its value at the beginning of the last try, and of the last one
	// that has ended.
	wanted, serving, served uint64
}

func newEntry(s *Stores, ref Reference, ttl time.Duration) *entry {
	ref.Member = ""
	return &entry{stores: s, ref: ref, ttl: ttl, wake: make(chan struct{}, 1), changed: make(chan struct{})}
}

func (e *entry) idle() time.Duration { return time.Since(time.Unix(0, e.used.Load())) }

func (e *entry) idleLimit() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed != nil {
		return failingIdle
	}
	return max(usedIdle, 2*e.ttl)
}

// current returns the last reading that may be used, or waits for the next try and returns what it gave.
func (e *entry) current(ctx context.Context) (reading, error) {
	for {
		e.mu.Lock()
		now := time.Now()
		last, failed, changed, recent := e.last, e.failed, e.changed, e.recentFailure(now)
		usable := e.usable(now)
		e.mu.Unlock()
		switch {
		case usable:
			return last, nil
		case failed != nil && recent:
			return reading{}, failed
		}
		e.ask()
		if err := e.await(ctx, changed); err != nil {
			return reading{}, err
		}
	}
}

// usable reports whether the last reading may be used. While a store is away, it may be for a time; when the store refuses, it
// may be as long as if it had not been asked. mu must be held.
func (e *entry) usable(now time.Time) bool {
	switch {
	case e.last.document == nil:
		return false
	case !e.last.ends.IsZero():
		return now.Before(e.last.ends.Add(-leaseMargin))
	case e.failed == nil || e.failed.Temporary():
		return now.Sub(e.last.at) < e.ttl+e.stores.rules.Stale
	}
	return now.Sub(e.last.at) < e.ttl
}

// recentFailure reports whether the last try failed so lately that its error is the answer. mu must be held.
func (e *entry) recentFailure(now time.Time) bool {
	pause := minPause
	if e.failed != nil && !e.failed.Temporary() {
		pause = finalPause
	}
	return now.Sub(e.tried) < pause
}

func (e *entry) ask() {
	select {
	case e.wake <- struct{}{}:
	default: // it is asked already
	}
}

func (e *entry) await(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-e.stores.ctx.Done():
		return Failure(Unavailable, "this process stops")
	}
}

// refresh reads the document again and returns when that has ended.
func (e *entry) refresh(ctx context.Context) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.tried.IsZero() && time.Since(e.tried) < e.stores.refresh {
		return
	}
	e.wanted++
	for ticket := e.wanted; e.served < ticket; {
		changed := e.changed
		e.mu.Unlock()
		e.ask()
		err := e.await(ctx, changed)
		e.mu.Lock()
		if err != nil {
			return
		}
	}
}

// needed reports whether a try is due before its time.
func (e *entry) needed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	return e.served < e.wanted || !e.usable(now) && !e.recentFailure(now)
}

// keep reads the document and keeps it fresh until it is not used any more, or the stores are closed. It is the only goroutine
// that reads it.
func (e *entry) keep() {
	for ctx := e.stores.ctx; ; {
		if !e.wait(ctx, e.try(ctx)) || e.idle() >= e.idleLimit() && e.stores.drop(e) {
			return
		}
	}
}

// wait waits for a time, or until a try is needed earlier. It returns false when ctx ends.
func (e *entry) wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return true
		case <-e.wake:
			if e.needed() {
				return true
			}
		case <-ctx.Done():
			return false
		}
	}
}

// try renews the lease or reads the document, and returns the time until the next try.
func (e *entry) try(ctx context.Context) time.Duration {
	e.mu.Lock()
	last, forced := e.last, e.served < e.wanted
	e.serving = e.wanted
	e.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, max(readLimit, e.commandLimit()))
	defer cancel()
	if !forced && last.document != nil && last.document.Lease != nil && last.document.Lease.Renewable {
		if next, ok := e.renew(ctx, last); ok {
			return next
		}
	}
	document, err := e.stores.sources[e.ref.Store].Read(ctx, e.ref.Path)
	if err != nil {
		return e.fail(about(err, e.ref.String()))
	}
	return e.succeed(document)
}

// commandLimit is how long the command of the reference may run; zero: it is none.
func (e *entry) commandLimit() time.Duration {
	if e.ref.Store != StoreExec {
		return 0
	}
	return maxExecTimeout
}

// renew prolongs the lease. It reports false when the document must be read anew: the lease cannot be prolonged, or by less than
// half of its time, because it nears its maximum.
func (e *entry) renew(ctx context.Context, last reading) (time.Duration, bool) {
	leaser, ok := e.stores.sources[e.ref.Store].(Leaser)
	if !ok {
		return 0, false
	}
	renewed, err := leaser.Renew(ctx, *last.document.Lease)
	if err != nil {
		if Temporary(err) {
			return e.fail(about(err, e.ref.String())), true
		}
		return 0, false
	}
	if renewed.Duration < last.document.Lease.Duration/2 {
		return 0, false
	}
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last.at, e.last.ends = now, now.Add(renewed.Duration)
	e.settle(now, nil)
	return e.next(renewed.Duration), true
}

func (e *entry) succeed(d *Document) time.Duration {
	now := time.Now()
	e.mu.Lock()
	fresh := reading{document: d, at: now, serial: e.last.serial}
	same := d.same(e.last.document)
	e.mu.Unlock()
	if !same {
		fresh.serial = e.stores.nextSerial()
	}
	if d.Lease != nil {
		fresh.ends = now.Add(d.Lease.Duration)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = fresh
	e.settle(now, nil)
	if d.Lease != nil {
		return e.next(d.Lease.Duration)
	}
	if d.Changes > 0 && d.Changes < e.ttl {
		return d.Changes + time.Second
	}
	return e.next(e.ttl)
}

// next is the time until a value is read again that counts for a time: a fifth before its end, and up to a tenth earlier, so that
// processes do not ask at the same moment.
func (e *entry) next(life time.Duration) time.Duration {
	return life*7/10 + rand.N(life/10+1)
}

func (e *entry) fail(err *Error) time.Duration {
	e.stores.countFailure(e.ref.Store, err.Kind)
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.settle(now, err)
	pause := min(maxPause, minPause<<min(e.failures-1, 10))
	if err.RetryAfter > 0 {
		pause = max(pause, min(err.RetryAfter, maxPause))
	}
	return pause/2 + rand.N(pause/2+1)
}

// settle notes how a try ended and tells those who wait. mu must be held.
func (e *entry) settle(now time.Time, failed *Error) {
	switch log := e.stores.log; {
	case failed != nil && errors.Is(e.stores.ctx.Err(), context.Canceled): // the process stops
	case failed != nil && e.failed == nil:
		e.failing = now
		log.Warn("a secret cannot be read from its store", "reference", e.ref.String(), "kind", string(failed.Kind), "reason", failed.Reason)
	case failed == nil && e.failed != nil:
		log.Info("a secret can be read from its store again", "reference", e.ref.String())
	}
	if e.failed, e.tried = failed, now; failed == nil {
		e.failures = 0
	} else {
		e.failures++
	}
	e.served = e.serving
	close(e.changed)
	e.changed = make(chan struct{})
}

// revoke ends the lease of the last reading.
func (e *entry) revoke(ctx context.Context) {
	e.mu.Lock()
	document := e.last.document
	e.mu.Unlock()
	leaser, ok := e.stores.sources[e.ref.Store].(Leaser)
	if !ok || document == nil || document.Lease == nil {
		return
	}
	if err := leaser.Revoke(ctx, *document.Lease); err != nil {
		e.stores.log.Warn("the lease of a secret was not revoked; it ends by itself", "reference", e.ref.String(), "error", err)
	}
}
