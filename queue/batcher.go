package queue

import "sync"

// batcher is responsible for group commit: a lone caller's item goes out at
// once, and what arrives while a flush is in flight goes out together after
// it. Nobody waits for a timer.
type batcher[T any] struct {
	most  int              // items in one flush
	flush func(items []*T) // each item carries its own answer; called by one goroutine at a time per flight
	spare int              // flushes that may still start; guarded by mu
	mu    sync.Mutex
	queue []*ticket[T] // guarded by mu
}

// ticket is an item in the queue and the way to wake who brought it.
type ticket[T any] struct {
	item *T
	wake chan []*ticket[T] // nil: the item was flushed; else: lead this batch. Buffered, so that leaders never block
}

func newBatcher[T any](flights, most int, flush func([]*T)) *batcher[T] {
	return &batcher[T]{most: most, flush: flush, spare: flights}
}

// do flushes the item, alone or with others, and returns when it was.
func (b *batcher[T]) do(item *T) {
	b.mu.Lock()
	if b.spare > 0 {
		b.spare--
		b.mu.Unlock()
		b.flush([]*T{item})
		b.next()
		return
	}
	t := &ticket[T]{item: item, wake: make(chan []*ticket[T], 1)}
	b.queue = append(b.queue, t)
	b.mu.Unlock()
	if batch := <-t.wake; batch != nil {
		b.lead(batch)
	}
}

// lead flushes a batch on the goroutine of its first caller.
func (b *batcher[T]) lead(batch []*ticket[T]) {
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

// next hands the flight to the first caller of the next batch, if there is one.
func (b *batcher[T]) next() {
	b.mu.Lock()
	n := min(len(b.queue), b.most)
	if n == 0 {
		b.spare++
		b.mu.Unlock()
		return
	}
	batch := b.queue[:n:n]
	b.queue = b.queue[n:]
	if len(b.queue) == 0 {
		b.queue = nil
	}
	b.mu.Unlock()
	batch[0].wake <- batch
}
