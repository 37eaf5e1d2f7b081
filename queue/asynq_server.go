package queue

import (
	"context"
	"strings"
	"sync"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// waker is the Redis client that a worker's asynq server gets. asynq asks for
// a task by a script; waker turns an empty answer into a blocking wait, so
// that a task starts the moment it is enqueued, whoever enqueued it, and an
// idle worker asks once in a while only.
//
// Runs begin here, on goroutines of ours, and asynq sees those only that
// last: to be passed through asynq costs as much as a small flow, and what
// asynqmon shows of it is looked at every few seconds. Tasks that are not runs
// are asynq's.
type waker struct {
	redis.UniversalClient
	cfg     *ServerConfig
	encoder *asynq.Client
	claims  *claims
	pending *claimer   // used by asynq's processor, the one goroutine that dequeues
	ready   []*Attempt // owned by it; claimed, not runs, and not yet asked for
	visible *visibleRuns
}

// EvalSha takes asynq's dequeue and done scripts over; they are told by their KEYS.
func (w *waker) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	switch shapeOf(keys, args) {
	case dequeueShape:
		return w.dequeue(ctx)
	case doneShape:
		if id, _ := args[0].(string); w.visible.done(id) {
			return answer(ctx, "OK", nil) // a run is settled without asynq
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

// dequeue answers asynq's processor with the next task that is for asynq, or
// with redis.Nil when there was none for a while: every cfg.Block at the latest
// when no run came either.
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

// next is a task for asynq that is there already; nil when there is none.
func (w *waker) next() *Attempt {
	if len(w.ready) == 0 {
		return w.visible.next()
	}
	next := w.ready[0]
	w.ready = w.ready[1:]
	return next
}

// complete gives a task of ours the message that asynq wants to see.
func (w *waker) encodeMessage(ctx context.Context, a *Attempt) (err error) {
	if a.message == "" {
		var message []byte
		message, err = encodeTask(ctx, w.encoder, w.cfg.Queue, a.task[:idLen], a.task[idLen+1:], nil)
		a.message = string(message)
	}
	return err
}

// shape is one of asynq's calls that are taken over.
type shape int

const (
	otherShape   shape = iota
	enqueueShape       // KEYS task, pending; ARGV message, id, time
	dequeueShape       // KEYS pending, paused, active, lease
	doneShape          // KEYS active, lease, task, processed of the day, processed; ARGV id first
)

// shapeOf tells asynq's scripts apart, as its version 0.26 calls them.
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

// signal is a channel that is closed once.
type signal struct {
	once sync.Once
	c    chan struct{}
}

func newSignal() *signal { return &signal{c: make(chan struct{})} }

func (s *signal) close() { s.once.Do(func() { close(s.c) }) }
