package queue

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	taskLease    = 30 * time.Second       // asynq's, as its version 0.26 sets it
	faultPause   = 200 * time.Millisecond // asynq itself would retry at once when Redis fails
	crowdedPause = 20 * time.Millisecond  // until Room is called again
	deadPause    = time.Second            // until beat has registered this worker again
)

// Names of the lists from which workers claim: asynq's pending list, and the list of
// runs that may use a spare slot.
const (
	pendingList = "pending"
	expressList = "express"
)

// claims is the state that the claimers of a worker share. A lost reply may have
// contained runs that have begun. The next call then starts a new session: claims of
// earlier sessions, which may still reach Redis, take nothing any more, and the runs
// that began in the lost reply are delivered again as the same attempts.
type claims struct {
	cfg      *ServerConfig
	keys     keys
	redis    redis.UniversalClient
	inFlight *inFlight
	begin    func(a *Attempt) // starts a run

	all []*claimer // both claimers; set before either of them runs

	starting  sync.Mutex   // held while a session starts
	calls     sync.RWMutex // held for reading from a call until its runs have begun, for writing while a session starts
	session   atomic.Int64 // number of the current session
	replyLost atomic.Bool  // a reply was lost: a new session is needed
	draining  atomic.Bool  // the worker claims nothing new, see Client.Drain
	stopped   *signal
}

func newClaims(cfg *ServerConfig, base redis.UniversalClient, h *inFlight, begin func(*Attempt)) *claims {
	c := &claims{cfg: cfg, keys: keysOf(cfg.Queue), redis: base, inFlight: h, begin: begin, stopped: newSignal()}
	c.session.Store(1)
	c.replyLost.Store(true) // runs of an earlier process with this id are delivered again
	return c
}

func (c *claims) isStopped() bool {
	select {
	case <-c.stopped.c:
		return true
	default:
		return false
	}
}

func (c *claims) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.stopped.c:
	}
}

// startSession starts a new session if a reply was lost.
func (c *claims) startSession(ctx context.Context) error {
	if !c.replyLost.Load() {
		return nil
	}
	c.starting.Lock()
	defer c.starting.Unlock()
	if !c.replyLost.Load() { // the other claimer has started it
		return nil
	}
	for _, r := range c.all { // its blocked call belongs to the old session
		r.unblock(ctx)
	}
	c.calls.Lock()
	defer c.calls.Unlock()
	session := c.session.Add(1)
	begun, err := c.redeliver(ctx, session, nil)
	if err != nil {
		return err
	}
	unknown := c.unknown(begun)
	for ; len(unknown) > 0; unknown = unknown[min(len(unknown), c.cfg.Prefetch):] {
		values, err := c.redeliver(ctx, session, unknown[:min(len(unknown), c.cfg.Prefetch)])
		if err != nil {
			return err
		}
		for _, a := range newAttempts(values) {
			a.redelivered = true
			c.inFlight.add(a)
			c.begin(a)
		}
	}
	c.replyLost.Store(false)
	return nil
}

// unknown returns the tasks that are not in flight here. Tasks of runs that have
// ended and are not settled yet are among them; redeliver.lua ignores those.
func (c *claims) unknown(begun []any) (out []string) {
	for _, v := range begun {
		if task, _ := v.(string); c.inFlight.get(task) == nil {
			out = append(out, task)
		}
	}
	return out
}

// errDead reports that this worker was declared dead and has not registered again yet.
var errDead = errors.New("queue: this worker was declared dead")

// redeliver calls redeliver.lua.
func (c *claims) redeliver(ctx context.Context, session int64, tasks []string) ([]any, error) {
	args := []any{c.cfg.ID, session}
	for _, task := range tasks {
		args = append(args, task)
	}
	reply, err := redeliverScript.Run(ctx, c.redis, c.keys.slot(), args...).Result()
	if err != nil {
		return nil, err
	}
	values, ok := reply.([]any)
	if !ok {
		return nil, errDead
	}
	return values, nil
}

// claimer claims tasks from one list.
//
// It sends one pipeline: a BLMOVE from the list to its inbox, and claim.lua, which
// begins the run of the task in the inbox and claims more tasks up to the number of
// free slots. A task is in exactly one list at any time. Tasks in the inbox of a
// dead worker are returned to their list by the beat of any other worker.
type claimer struct {
	*claims
	list     string
	source   string // key of the list
	inbox    string
	blocking redis.UniversalClient
	blocked  atomic.Int64 // id of the connection, to unblock it at shutdown; 0: unknown
	full     bool         // there was no free slot before this call, so tasks may be waiting already
}

func newClaimer(c *claims, list string) *claimer {
	r := &claimer{claims: c, list: list, source: c.keys.pending(), inbox: c.keys.inboxPrefix() + c.cfg.ID + ":" + list}
	if list == expressList {
		r.source = c.keys.express()
	}
	r.blocking = c.cfg.Redis.Blocking(c.cfg.Block, func(ctx context.Context, cn *redis.Conn) error {
		if id, err := cn.ClientID(ctx).Result(); err == nil {
			r.blocked.Store(id)
		}
		return nil
	})
	return r
}

// free returns the number of tasks that may be claimed from the list.
func (r *claimer) free() int {
	if r.list == expressList {
		return r.cfg.spare() - r.inFlight.spare()
	}
	return r.cfg.Slots - r.inFlight.regular()
}

// waitForSlot waits for a free slot. It returns false when other delivers a value or
// the worker stops.
func (r *claimer) waitForSlot(other <-chan struct{}) bool {
	for r.free() <= 0 {
		freed := r.inFlight.freed()
		if r.free() > 0 { // one was freed before freed was called
			break
		}
		r.full = true
		select {
		case <-freed:
			runtime.Gosched() // lets the other attempts of the same batch free their slots, so that one call fills them all
		case <-other:
			return false
		case <-r.stopped.c:
			return false
		}
	}
	return true
}

// fill waits for tasks, begins the runs among them, and returns the others. The
// error is redis.Nil when there was none.
func (r *claimer) fill(ctx context.Context) ([]*Attempt, error) {
	switch err := r.startSession(ctx); {
	case errors.Is(err, errDead):
		r.pause(deadPause)
		return nil, redis.Nil
	case err != nil:
		r.pause(faultPause)
		return nil, err
	}
	if r.draining.Load() || r.cfg.Ready != nil && !r.cfg.Ready() {
		r.pause(r.cfg.Block)
		return nil, redis.Nil
	}
	if r.cfg.Room != nil && !r.cfg.Room() {
		r.pause(crowdedPause)
		return nil, redis.Nil
	}
	tasks, refusal, err := r.take(ctx)
	switch {
	case err != nil && !errors.Is(err, redis.Nil):
		r.pause(faultPause)
	case refusal == "paused": // the pending list is not empty, so BLMOVE would return at once
		r.pause(r.cfg.Block)
	case refusal == "dead":
		r.pause(deadPause)
	default:
		runtime.Gosched() // lets the new runs begin before the next call
	}
	return tasks, err
}

// take makes one call for tasks and begins the runs among them. refusal is the reason
// for which this worker may claim none: "paused", "dead" or "old".
func (r *claimer) take(ctx context.Context) (tasks []*Attempt, refusal string, err error) {
	r.calls.RLock()
	defer r.calls.RUnlock()
	reply, err := r.wait(ctx)
	if err != nil {
		if !errors.Is(err, redis.Nil) {
			r.replyLost.Store(true)
		}
		return nil, "", err
	}
	values, ok := reply.([]any)
	if !ok {
		refusal, _ = reply.(string)
		return nil, refusal, redis.Nil
	}
	for _, a := range newAttempts(values) {
		a.spare = r.list == expressList
		r.inFlight.add(a)
		if a.Number > 0 {
			r.begin(a)
		} else {
			tasks = append(tasks, a)
		}
	}
	return tasks, "", nil
}

// wait makes the round trip to Redis; see claimer.
func (r *claimer) wait(ctx context.Context) (any, error) {
	if r.full { // tasks may have arrived meanwhile: claim them without blocking
		r.full = false
		if reply, err := r.claim(ctx); !errors.Is(err, redis.Nil) {
			return reply, err
		}
	}
	pipe := r.blocking.Pipeline()
	seconds := strconv.FormatFloat(r.cfg.Block.Seconds(), 'f', -1, 64)
	pipe.Do(ctx, "blmove", r.source, r.inbox, "right", "left", seconds)
	claim := claimScript.EvalSha(ctx, pipe, r.keys.slot(), r.claimArgs(r.cfg.Block)...)
	_, _ = pipe.Exec(ctx)
	if redis.HasErrorPrefix(claim.Err(), "NOSCRIPT") {
		return r.claim(ctx)
	}
	return claim.Result()
}

// claim calls claim.lua without blocking, on the same connection, so that a lost
// connection is detected.
func (r *claimer) claim(ctx context.Context) (any, error) {
	return claimScript.Run(ctx, r.blocking, r.keys.slot(), r.claimArgs(0)...).Result()
}

// claimArgs are the arguments of claim.lua, for as many tasks as there are free slots. The lease of
// tasks that carry no run includes the time that the call may block.
func (r *claimer) claimArgs(block time.Duration) []any {
	expiry := time.Now().Add(taskLease + block).Unix()
	return []any{r.cfg.ID, r.session.Load(), r.list, max(0, min(r.free(), r.cfg.Prefetch)), expiry}
}

// unblock makes a blocked call return. On a Cluster it has no effect, and the call
// returns within cfg.Block.
func (r *claimer) unblock(ctx context.Context) {
	if id := r.blocked.Load(); id != 0 && !r.cfg.Redis.Cluster() {
		r.redis.ClientUnblock(ctx, id)
	}
}

// run claims runs from the list until this worker stops.
func (r *claimer) run(ctx context.Context) {
	for r.waitForSlot(nil) && !r.isStopped() {
		_, err := r.fill(ctx)
		if err != nil && !errors.Is(err, redis.Nil) && !r.isStopped() {
			r.cfg.Log.Warn("claim runs", "list", r.list, "error", err)
		}
	}
}
