package queue

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

const (
	taskLease  = 30 * time.Second       // asynq's, as its version 0.26 sets it
	faultPause = 200 * time.Millisecond // asynq itself asks again at once when Redis fails
	lateCall   = 5 * time.Second        // how late, after its block, a call may reach Redis whose answer was given up
)

// waker is the Redis client that a worker's asynq server gets. asynq asks for
// a task by a script; waker turns an empty answer into a blocking wait, so
// that a task starts the moment it is enqueued, whoever enqueued it, and an
// idle worker asks once in a while only.
//
// Runs begin here, on goroutines of ours, and asynq hears of those only that
// last: to be passed through asynq costs as much as a small flow, and what
// asynqmon shows of it is looked at every few seconds. Tasks that are not runs
// are asynq's.
//
// A wait is one write: BLMOVE pending to this worker's inbox, and behind it,
// already in the server's buffer, the claim script, which moves the task on to
// active, begins its run, and takes more tasks up to the free slots. A task is
// at every moment in exactly one list; what a dead worker leaves in its inbox
// is given back by any other's beat. When the answer is lost the next call asks
// for what this worker has begun and does not know of.
type waker struct {
	redis.UniversalClient
	cfg      *ServerConfig
	keys     keys
	inbox    string
	blocking redis.UniversalClient
	encoder  *asynq.Client
	blocked  atomic.Int64 // connection to unblock at shutdown; 0: not known

	stopOnce sync.Once
	stopped  chan struct{}
	resting  atomic.Bool // takes nothing new: somebody drains this worker

	// Owned by asynq's processor, the one goroutine that dequeues.
	ready   []*Attempt // claimed, not runs, and not yet asked for
	unclear bool       // an answer was lost, and with it perhaps tasks
	doubt   time.Time  // until then a call whose answer was lost may still take effect

	held  *held
	shown shown
	begin func(a *Attempt) // starts a run
}

func newWaker(cfg *ServerConfig, base redis.UniversalClient, encoder *asynq.Client, h *held, begin func(*Attempt)) *waker {
	w := &waker{UniversalClient: base, cfg: cfg, keys: keysOf(cfg.Queue), encoder: encoder, held: h, begin: begin, stopped: make(chan struct{}), unclear: true}
	w.shown.init()
	w.inbox = w.keys.inboxPrefix() + cfg.ID
	w.blocking = cfg.Redis.Blocking(cfg.Block, func(ctx context.Context, cn *redis.Conn) error {
		if id, err := cn.ClientID(ctx).Result(); err == nil {
			w.blocked.Store(id)
		}
		return nil
	})
	return w
}

// EvalSha takes asynq's dequeue and done scripts over; they are told by their KEYS.
func (w *waker) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	switch {
	case len(keys) == 4 && strings.HasSuffix(keys[0], ":pending") && strings.HasSuffix(keys[1], ":paused"):
		return w.dequeue(ctx)
	case len(keys) == 5 && strings.HasSuffix(keys[0], ":active") && strings.HasPrefix(keys[2], w.keys.taskPrefix()):
		if id, _ := args[0].(string); w.shown.done(id) {
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
			err := w.complete(ctx, a)
			return answer(ctx, a.message, err)
		}
		if w.isStopped() {
			return answer(ctx, nil, redis.Nil)
		}
		if err := w.fill(ctx); err != nil {
			return answer(ctx, nil, err)
		}
	}
}

// next is a task for asynq that is there already; nil when there is none.
func (w *waker) next() *Attempt {
	if len(w.ready) == 0 {
		return w.shown.next()
	}
	next := w.ready[0]
	w.ready = w.ready[1:]
	return next
}

// fill waits for tasks. It returns redis.Nil when none came.
func (w *waker) fill(ctx context.Context) error {
	answer, err := w.wait(ctx)
	if err != nil && !errors.Is(err, redis.Nil) {
		w.unclear = true
		w.doubt = time.Now().Add(w.cfg.Block + lateCall)
		w.pause(faultPause)
		return err
	}
	if err != nil {
		return err
	}
	values, ok := answer.([]any)
	if !ok { // "paused" or "dead": BLMOVE would spin until that changes
		w.pause(w.cfg.Block)
		return redis.Nil
	}
	w.ready = w.ready[:0]
	for ; len(values) >= claimedFields; values = values[claimedFields:] {
		a := newAttempt(values)
		w.held.add(a)
		if a.Number > 0 {
			w.begin(a)
		} else {
			w.ready = append(w.ready, a)
		}
	}
	runtime.Gosched() // the runs go first, the next call after them
	return nil
}

// complete gives a task of ours the message that asynq wants to see.
func (w *waker) complete(ctx context.Context, a *Attempt) (err error) {
	if a.message == "" {
		var message []byte
		message, err = encodeTask(ctx, w.encoder, w.cfg.Queue, a.task[:idLen], a.task[idLen+1:], nil)
		a.message = string(message)
	}
	return err
}

// wait is the one round trip between two tasks.
func (w *waker) wait(ctx context.Context) (any, error) {
	if !w.room() {
		return nil, redis.Nil
	}
	if w.unclear {
		answer, err := w.claim(ctx)
		if err == nil || errors.Is(err, redis.Nil) {
			w.unclear = false
		}
		if err == nil || !errors.Is(err, redis.Nil) {
			return answer, err
		}
	}
	if w.resting.Load() || w.cfg.Ready != nil && !w.cfg.Ready() {
		w.pause(w.cfg.Block)
		return nil, redis.Nil
	}
	pipe := w.blocking.Pipeline()
	seconds := strconv.FormatFloat(w.cfg.Block.Seconds(), 'f', -1, 64)
	pipe.Do(ctx, "blmove", w.keys.pending(), w.inbox, "right", "left", seconds)
	claim := claimScript.EvalSha(ctx, pipe, w.claimKeys(), w.claimArgs(w.cfg.Block, time.Now().Before(w.doubt))...)
	_, _ = pipe.Exec(ctx)
	if redis.HasErrorPrefix(claim.Err(), "NOSCRIPT") {
		return w.claim(ctx)
	}
	return claim.Result()
}

// room waits for a free slot. False: asynq is to be shown a run first, or this
// worker stops.
func (w *waker) room() bool {
	for w.held.count() >= w.cfg.Slots {
		freed := w.held.freed()
		if w.held.count() < w.cfg.Slots { // one went before we listened
			break
		}
		select {
		case <-freed:
		case <-w.shown.news:
			return false
		case <-w.stopped:
			return false
		}
	}
	return true
}

// claim asks without a wait. The client repeats a call whose answer was lost.
func (w *waker) claim(ctx context.Context) (any, error) {
	return claimScript.Run(ctx, w.UniversalClient, w.claimKeys(), w.claimArgs(0, true)...).Result()
}

func (w *waker) claimKeys() []string {
	k := w.keys
	return []string{k.pending(), k.paused(), k.active(), k.taskLease(), w.inbox, k.workers()}
}

// claimArgs asks for as many tasks as there are free slots, and, again, for
// those that this worker was given in an answer that was lost. The task lease
// is counted from when the script runs, which may be after the block.
func (w *waker) claimArgs(block time.Duration, again bool) []any {
	expiry := time.Now().Add(taskLease + block).Unix()
	room := min(w.cfg.Slots-w.held.count(), w.cfg.Prefetch)
	args := []any{expiry, w.keys.taskPrefix(), room, w.keys.runPrefix(), w.cfg.ID, flag(again)}
	if again {
		for _, a := range w.held.all() {
			args = append(args, a.task)
		}
	}
	return args
}

func (w *waker) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.stopped:
	}
}

func (w *waker) isStopped() bool {
	select {
	case <-w.stopped:
		return true
	default:
		return false
	}
}

// unblock makes a waiting dequeue return, and all later ones return at once.
// A server without CLIENT UNBLOCK lets it go within cfg.Block.
func (w *waker) unblock(ctx context.Context) {
	w.stopOnce.Do(func() {
		close(w.stopped)
		if id := w.blocked.Load(); id != 0 && !w.cfg.Redis.Cluster() {
			w.UniversalClient.ClientUnblock(ctx, id)
		}
	})
}
