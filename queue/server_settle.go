package queue

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/internal/sleep"
)

const (
	settleAfter = 2 * time.Millisecond // collects ended runs for one batch; nothing waits for them
	settleBatch = 256
	statsTTL    = 90 * 24 * time.Hour // of the daily counts of asynq
)

// settler settles runs after their end: it removes their tasks from asynq and adds
// them to the index. No caller waits for that, so it works in batches. Runs of a
// failed batch are settled by the reconciler.
type settler struct {
	server *Server
	wake   chan struct{} // queue is not empty; buffered, one signal is enough
	lines  atomic.Bool   // the last reply reported runs in line, which wait for settling

	mu    sync.Mutex
	queue []settling // guarded by mu
}

// settling is one run to settle.
type settling struct {
	id      string
	visible bool // its last attempt may have become visible to asynq
}

func newSettler(s *Server) *settler {
	return &settler{server: s, wake: make(chan struct{}, 1)}
}

func (t *settler) add(s settling) {
	t.mu.Lock()
	t.queue = append(t.queue, s)
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// run settles batches until ctx ends, and then the rest.
func (t *settler) run(ctx context.Context) {
	for {
		select {
		case <-t.wake:
			if !t.lines.Load() { // otherwise a run in line would wait for the timer
				_ = sleep.For(ctx, settleAfter)
			}
			t.flush(context.WithoutCancel(ctx))
		case <-ctx.Done():
			t.flush(context.WithoutCancel(ctx))
			return
		}
	}
}

func (t *settler) flush(ctx context.Context) {
	for {
		t.mu.Lock()
		n := min(len(t.queue), settleBatch)
		batch := t.queue[:n:n]
		t.queue = t.queue[n:]
		if len(t.queue) == 0 {
			t.queue = nil
		}
		t.mu.Unlock()
		if n == 0 {
			return
		}
		if err := t.server.settle(ctx, batch); err != nil {
			t.server.cfg.Log.Warn("settle runs", "count", n, "error", err)
		}
	}
}

// today returns the arguments of settle.lua that name the day in asynq's keys and the
// expiry of its counts.
func today() []any {
	now := time.Now()
	return []any{now.UTC().Format(time.DateOnly), now.Add(statsTTL).Unix()}
}

// scriptFlag returns the argument of a script for a flag: "1" or "".
func scriptFlag(set bool) string {
	if set {
		return "1"
	}
	return ""
}

// settle sends one batch to settle.lua.
func (s *Server) settle(ctx context.Context, batch []settling) error {
	ctx, cancel := context.WithTimeout(ctx, finishWait)
	defer cancel()
	args := make([]any, 0, 2+2*len(batch))
	args = append(args, today()...)
	for _, b := range batch {
		args = append(args, b.id, scriptFlag(b.visible))
	}
	n, err := settleScript.Run(ctx, s.redis, s.keys.slot(), args...).Int64Slice()
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	s.settler.lines.Store(len(n) == 2 && n[1] > 0)
	return nil
}
