// Package tally collects counts in memory and writes them at intervals, so that counting never waits for a store.
package tally

import (
	"context"
	"sync"
	"time"
)

const (
	// writeInterval is the pause between two writes: counts are visible that much later, and lost when the process is
	// killed.
	writeInterval = time.Second
	// writeLimit is the maximum duration of the last write, at the end of the process.
	writeLimit = 2 * time.Second
)

// Tally collects counts by key between two writes. Safe for concurrent use.
type Tally[V any] struct {
	write func(ctx context.Context, counts map[string]*V)

	mu     sync.Mutex
	counts map[string]*V // since the last write; guarded by mu
}

// New returns a Tally. While Run runs, write stores the counts that were collected since its last call, and is not called
// without any.
func New[V any](write func(ctx context.Context, counts map[string]*V)) *Tally[V] {
	return &Tally[V]{write: write, counts: map[string]*V{}}
}

// Add changes the counts of a key, which are zero at first.
func (t *Tally[V]) Add(key string, change func(*V)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	counts := t.counts[key]
	if counts == nil {
		counts = new(V)
		t.counts[key] = counts
	}
	change(counts)
}

// Run writes the counts until ctx ends, and then once more.
func (t *Tally[V]) Run(ctx context.Context) error {
	tick := time.NewTicker(writeInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeLimit)
			defer cancel()
			t.flush(last)
			return nil
		case <-tick.C:
			t.flush(ctx)
		}
	}
}

func (t *Tally[V]) flush(ctx context.Context) {
	t.mu.Lock()
	counts := t.counts
	t.counts = map[string]*V{}
	t.mu.Unlock()
	if len(counts) > 0 {
		t.write(ctx, counts)
	}
}
