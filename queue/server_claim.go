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
	faultPause   = 200 * time.Millisecond // asynq itself asks again at once when Redis fails
	crowdedPause = 20 * time.Millisecond  // until Room is asked again
	deadPause    = time.Second            // until the beat has registered this worker again
)

// The lists that workers take tasks from: asynq's pending list, and the one of
// runs that may use a spare slot.
const (
	pendingList = "pending"
	expressList = "express"
)

// claims is what the claimers of a worker share. When a reply is lost, and with
// it perhaps runs that have begun, the next call starts a new session: claims of
// earlier ones, which may still reach Redis, take nothing any more, and the runs
// that this worker has without knowing are begun again.
type claims struct {
	cfg      *ServerConfig
	keys     keys
	redis    redis.UniversalClient
	inFlight *inFlight
	begin    func(a *Attempt) // starts a run

	all []*claimer // both; set before any of them runs

	starting  sync.Mutex   // held while a session starts
	calls     sync.RWMutex // held for reading during a call and what it begins, for writing while a session starts
	session   atomic.Int64 // of the claims sent from now on
	replyLost atomic.Bool  // a reply was lost
	draining  atomic.Bool  // takes nothing new: somebody drains this worker
	stopped   *signal
}

func newClaims(cfg *ServerConfig, base redis.UniversalClient, h *inFlight, begin func(*Attempt)) *claims {
	c := &claims{cfg: cfg, keys: keysOf(cfg.Queue), redis: base, inFlight: h, begin: begin, stopped: newSignal()}
	c.session.Store(1)
	c.replyLost.Store(true) // what an earlier process of this name began goes on
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

// clear starts a session, if a reply was lost.
func (c *claims) startSession(ctx context.Context) error {
	if !c.replyLost.Load() {
		return nil
	}
	c.starting.Lock()
	defer c.starting.Unlock()
	if !c.replyLost.Load() { // the other claimer was first
		return nil
	}
	for _, r := range c.all { // its call is one of the session that ends
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

// unknown are the tasks among these that this worker does not have. Those of
// runs that have ended and are not settled yet are among them.
func (c *claims) unknown(begun []any) (out []string) {
	for _, v := range begun {
		if task, _ := v.(string); c.inFlight.get(task) == nil {
			out = append(out, task)
		}
	}
	return out
}

// errDead says that this worker was declared dead, and has not registered again yet.
var errDead = errors.New("queue: this worker was declared dead")

// resume calls resume.lua.
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

// claimer takes tasks from one list.
//
// A wait is one write: BLMOVE from the list to this claimer's inbox, and behind it,
// already in the server's buffer, the claim script, which begins the task's run, and takes more
// tasks as far as there is room. A task is at every moment in exactly one list;
// what a dead worker leaves in its inbox is given back by any other's beat.
type claimer struct {
	*claims
	list     string
	source   string // key of the list
	inbox    string
	blocking redis.UniversalClient
	blocked  atomic.Int64 // connection to unblock at shutdown; 0: not known
	full     bool         // there was no room before this call: then there may be tasks already
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

// free is how many more tasks may be taken from the list.
func (r *claimer) free() int {
	if r.list == expressList {
		return r.cfg.spare() - r.inFlight.spare()
	}
	return r.cfg.Slots - r.inFlight.regular()
}

// room waits for a free slot. False: there was something on other, or this
// worker stops.
func (r *claimer) waitForSlot(other <-chan struct{}) bool {
	for r.free() <= 0 {
		freed := r.inFlight.freed()
		if r.free() > 0 { // one was freed before we listened
			break
		}
		r.full = true
		select {
		case <-freed:
		case <-other:
			return false
		case <-r.stopped.c:
			return false
		}
	}
	return true
}

// fill waits for tasks, begins those that are runs, and returns the others. It
// returns redis.Nil when none came.
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
	case refusal == "paused": // BLMOVE would not wait
		r.pause(r.cfg.Block)
	case refusal == "dead":
		r.pause(deadPause)
	default:
		runtime.Gosched() // the runs go first, the next call after them
	}
	return tasks, err
}

// take waits for tasks once, and begins those that are runs. refusal says why
// this worker may take none.
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

// wait is the one round trip between two tasks.
func (r *claimer) wait(ctx context.Context) (any, error) {
	if r.full { // others may have come meanwhile: they are there without a wait
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

// claim asks without a wait, on the same connection: one that was lost is
// known to be.
func (r *claimer) claim(ctx context.Context) (any, error) {
	return claimScript.Run(ctx, r.blocking, r.keys.slot(), r.claimArgs(0)...).Result()
}

// claimArgs asks for as many tasks as there are free slots. The lease of tasks that are not runs
// is counted from when the script runs, which may be after the block.
func (r *claimer) claimArgs(block time.Duration) []any {
	expiry := time.Now().Add(taskLease + block).Unix()
	return []any{r.cfg.ID, r.session.Load(), r.list, max(0, min(r.free(), r.cfg.Prefetch)), expiry}
}

// unblock makes a waiting call return. A server without CLIENT UNBLOCK lets it
// go within cfg.Block.
func (r *claimer) unblock(ctx context.Context) {
	if id := r.blocked.Load(); id != 0 && !r.cfg.Redis.Cluster() {
		r.redis.ClientUnblock(ctx, id)
	}
}

// run takes runs from the list until this worker stops.
func (r *claimer) run(ctx context.Context) {
	for r.waitForSlot(nil) && !r.isStopped() {
		_, err := r.fill(ctx)
		if err != nil && !errors.Is(err, redis.Nil) && !r.isStopped() {
			r.cfg.Log.Warn("claim runs", "list", r.list, "error", err)
		}
	}
}
