package queue

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	settleAfter = 2 * time.Millisecond // gathers what ends meanwhile; a run that waits for it is safe
	settleBatch = 256
	statsTTL    = 90 * 24 * time.Hour // of asynq's daily counts
)

// settler is responsible for what is left to do when a run has ended and its
// caller has been told. Nobody waits for it, so it is done in batches; what a
// fault leaves the reconciler settles.
type settler struct {
	server *Server
	wake   chan struct{} // something is queued; buffered, one signal is enough
	lines  atomic.Bool   // runs stood in line, as of the last reply

	mu    sync.Mutex
	queue []settling // guarded by mu
}

// settling is one run that has ended.
type settling struct {
	id  string
	age string // as settle.lua takes it
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

// run settles until ctx ends, and then what is left.
func (t *settler) run(ctx context.Context) {
	for {
		select {
		case <-t.wake:
			if !t.lines.Load() { // else a run that stands in line waits for it
				gather(ctx, settleAfter)
			}
			t.flush(context.WithoutCancel(ctx))
		case <-ctx.Done():
			t.flush(context.WithoutCancel(ctx))
			return
		}
	}
}

func gather(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
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

// today is asynq's day, as in its keys, and when the day's counts expire.
func today() []any {
	now := time.Now()
	return []any{now.UTC().Format(time.DateOnly), now.Add(statsTTL).Unix()}
}

// settle sends one batch, see settle.lua.
func (s *Server) settle(ctx context.Context, batch []settling) error {
	ctx, cancel := context.WithTimeout(ctx, finishWait)
	defer cancel()
	args := make([]any, 0, 2+2*len(batch))
	args = append(args, today()...)
	for _, b := range batch {
		args = append(args, b.id, b.age)
	}
	n, err := settleScript.Run(ctx, s.redis, s.keys.slot(), args...).Int64Slice()
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	s.settler.lines.Store(len(n) == 2 && n[1] > 0)
	return nil
}
