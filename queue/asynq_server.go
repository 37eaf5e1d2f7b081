package queue

import (
	"context"
	"strings"
	"sync"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// waker is the Redis client of a worker's asynq server. asynq polls for tasks with a
// script; waker replaces the poll by a blocking wait, so that a task starts as soon as
// it is enqueued, and an idle worker makes few calls.
//
// Runs begin in the claimer, on goroutines of the pool. Only asynq-visible runs, those
// that last over a heartbeat, are passed to asynq: passing a run through asynq costs
// as much as a small flow, and asynqmon reads its state every few seconds only. Tasks
// that carry no run are always processed by asynq.
type waker struct {
	redis.UniversalClient
	cfg     *ServerConfig
	encoder *asynq.Client
	claims  *claims
	pending *claimer   // used by asynq's processor, the only goroutine that dequeues
	ready   []*Attempt // owned by the processor; claimed tasks without runs that it has not dequeued yet
	visible *visibleRuns
}

// EvalSha replaces asynq's dequeue and done scripts, which shapeOf recognises. All
// other calls go to Redis.
func (w *waker) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	switch shapeOf(keys, args) {
	case dequeueShape:
		return w.dequeue(ctx)
	case doneShape:
		if id, _ := args[0].(string); w.visible.done(id) {
			return answer(ctx, "OK", nil) // the end of a run is stored by our scripts
		}
	}
	return w.UniversalClient.EvalSha(ctx, sha, keys, args...)
}

func answer(ctx context.Context, v any, err error) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	if err != nil {
		cmd.SetErr(err)
	} else {
		cmd.SetVal(v)
	}
	return cmd
}

// dequeue returns the message of the next task for asynq's processor, or redis.Nil
// when there was none for cfg.Block, or when the worker stops.
func (w *waker) dequeue(ctx context.Context) *redis.Cmd {
	for {
		if a := w.next(); a != nil {
			err := w.encodeMessage(ctx, a)
			return answer(ctx, a.message, err)
		}
		if w.claims.isStopped() {
			return answer(ctx, nil, redis.Nil)
		}
		if !w.pending.waitForSlot(w.visible.added) {
			return answer(ctx, nil, redis.Nil)
		}
		tasks, err := w.pending.fill(ctx)
		w.ready = tasks
		if err != nil {
			return answer(ctx, nil, err)
		}
	}
}

// next returns a task for asynq without waiting; nil when there is none.
func (w *waker) next() *Attempt {
	if len(w.ready) == 0 {
		return w.visible.next()
	}
	next := w.ready[0]
	w.ready = w.ready[1:]
	return next
}

// encodeMessage sets the message of a run's task, which claim.lua does not return.
func (w *waker) encodeMessage(ctx context.Context, a *Attempt) (err error) {
	if a.message == "" {
		var message []byte
		message, err = encodeTask(ctx, w.encoder, w.cfg.Queue, a.task[:idLen], a.task[idLen+1:], nil)
		a.message = string(message)
	}
	return err
}

// shape identifies a call of asynq that is replaced.
type shape int

const (
	otherShape   shape = iota
	enqueueShape       // KEYS task, pending; ARGV message, id, time
	dequeueShape       // KEYS pending, paused, active, lease
	doneShape          // KEYS active, lease, task, processed of the day, processed; ARGV id first
)

// shapeOf recognises the scripts of asynq by their KEYS and arguments, as version 0.26
// calls them. probeAsynq verifies it at the start of a worker.
func shapeOf(keys []string, args []any) shape {
	switch {
	case len(keys) == 2 && len(args) == 3 && strings.HasSuffix(keys[1], ":pending"):
		return enqueueShape
	case len(keys) == 4 && strings.HasSuffix(keys[0], ":pending") && strings.HasSuffix(keys[1], ":paused"):
		return dequeueShape
	case len(keys) == 5 && len(args) > 0 && strings.HasSuffix(keys[0], ":active") && strings.Contains(keys[2], ":t:"):
		return doneShape
	}
	return otherShape
}

// signal is a channel that may be closed more than once.
type signal struct {
	once sync.Once
	c    chan struct{}
}

func newSignal() *signal { return &signal{c: make(chan struct{})} }

func (s *signal) close() { s.once.Do(func() { close(s.c) }) }

// visibleRuns are the asynq-visible runs: those that have lasted over a heartbeat.
// asynq's processor dequeues them as if they had just been claimed and waits for their
// ends, so that its tools show this worker processing them.
type visibleRuns struct {
	added chan struct{} // queue is not empty; buffered, one signal is enough

	mu     sync.Mutex
	queue  []*Attempt          // guarded by mu; not yet dequeued by asynq
	byTask map[string]*Attempt // guarded by mu; dequeued, until asynq reports the task done
}

func newVisibleRuns() *visibleRuns {
	return &visibleRuns{added: make(chan struct{}, 1), byTask: map[string]*Attempt{}}
}

// add makes an attempt visible. It must be called at most once for each attempt.
func (s *visibleRuns) add(a *Attempt) {
	s.mu.Lock()
	s.queue = append(s.queue, a)
	s.mu.Unlock()
	select {
	case s.added <- struct{}{}:
	default:
	}
}

// next returns an attempt that is still running; nil when there is none.
func (s *visibleRuns) next() *Attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > 0 {
		a := s.queue[0]
		s.queue = s.queue[1:]
		select {
		case <-a.done:
		default:
			s.byTask[a.task] = a
			return a
		}
	}
	return nil
}

func (s *visibleRuns) get(task string) *Attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byTask[task]
}

// done removes a task. False: it is not the task of a visible run.
func (s *visibleRuns) done(task string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ours := s.byTask[task]
	delete(s.byTask, task)
	return ours
}
