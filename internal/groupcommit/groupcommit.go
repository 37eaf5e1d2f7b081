// Package groupcommit joins the writes of many callers into few flushes, without a timer.
package groupcommit

import (
	"runtime"
	"sync"
)

// Batcher flushes items in groups: the first item is flushed at once, or, when Patient, after
// the goroutines that are ready to run have had their turn. Items that arrive while a
// flush is in progress are flushed together after it. No item waits for a timer.
// Safe for concurrent use.
type Batcher[T any] struct {
	// Patient makes the first item wait for those that are ready, because no caller waits for its flush. It is set
	// before the first call of Do.
	Patient bool

	most  int              // maximum number of items in one flush
	flush func(items []*T) // stores the reply in each item; called by as many goroutines at a time as there are flights

	mu    sync.Mutex
	spare int          // guarded by mu; number of flushes that may start
	queue []*ticket[T] // guarded by mu
}

// ticket is a queued item and the channel that wakes its caller.
type ticket[T any] struct {
	item *T
	wake chan []*ticket[T] // receives nil when the item was flushed, or a batch that the caller must flush; buffered, so that senders never block; nil for an item that leads its batch
}

// New returns a Batcher that makes at most flights flushes at a time, each of at most most items.
func New[T any](flights, most int, flush func([]*T)) *Batcher[T] {
	return &Batcher[T]{most: most, flush: flush, spare: flights}
}

// Do returns when the item has been flushed, alone or in a batch.
func (b *Batcher[T]) Do(item *T) {
	b.mu.Lock()
	if b.spare > 0 {
		b.spare--
		b.mu.Unlock()
		if !b.Patient {
			b.flush([]*T{item})
			b.next()
			return
		}
		runtime.Gosched()
		b.mu.Lock()
		batch := append([]*ticket[T]{{item: item}}, b.take(b.most-1)...)
		b.mu.Unlock()
		b.lead(batch)
		return
	}
	t := &ticket[T]{item: item, wake: make(chan []*ticket[T], 1)}
	b.queue = append(b.queue, t)
	b.mu.Unlock()
	if batch := <-t.wake; batch != nil {
		b.lead(batch)
	}
}

// lead flushes a batch on the goroutine of its first caller and wakes the others.
func (b *Batcher[T]) lead(batch []*ticket[T]) {
	items := make([]*T, len(batch))
	for i, t := range batch {
		items[i] = t.item
	}
	b.flush(items)
	b.next()
	for _, t := range batch[1:] {
		t.wake <- nil
	}
}

// next passes the flight to the first caller of the next batch, if there is one.
func (b *Batcher[T]) next() {
	b.mu.Lock()
	batch := b.take(b.most)
	if len(batch) == 0 {
		b.spare++
		b.mu.Unlock()
		return
	}
	b.mu.Unlock()
	batch[0].wake <- batch
}

// take removes up to most items from the queue. The caller holds mu.
func (b *Batcher[T]) take(most int) []*ticket[T] {
	n := min(len(b.queue), most)
	batch := b.queue[:n:n]
	b.queue = b.queue[n:]
	if len(b.queue) == 0 {
		b.queue = nil
	}
	return batch
}
