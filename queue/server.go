package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/redisconn"
)

// Handler turns one attempt into its outcome. It must return soon after its
// context ends; context.Cause says why it did: context.DeadlineExceeded,
// ErrLost (also when the run was cancelled) or ErrDraining.
type Handler func(ctx context.Context, a *Attempt) Outcome

// ServerConfig of a Server. Redis, Log, Queue, ID, Slots and Handler are
// required.
type ServerConfig struct {
	Redis   *redisconn.Conn
	Log     *slog.Logger
	Queue   string
	ID      string // of this worker process, unique in the fleet
	Slots   int    // runs at once
	Handler Handler

	// Others handles the tasks that are not runs. Default: they are archived,
	// where asynqmon shows them.
	Others asynq.Handler

	// RetryDelay is asynq's for such tasks. Default: asynq's own, exponential.
	RetryDelay asynq.RetryDelayFunc

	// Spare is how many runs more may be executed of flows that have next to
	// nothing in flight while other flows have all slots. Default a fourth of
	// Slots, rounded down; negative: none.
	Spare int

	// Share is the part of the queue's slots, in percent, that one flow may have
	// while runs of other flows wait. Default 50; the largest among the queue's workers counts.
	Share int

	// Prefetch bounds the tasks taken in one call, besides the free slots.
	// Default 32.
	Prefetch int

	// Block is how long an idle worker waits in one call. Default 4 s; far
	// below asynq's lease of 30 s.
	Block time.Duration

	// Lease is how long a worker's runs are safe from the reconciler after its
	// last sign of life, which comes every second. The same in the whole
	// fleet. Default 4 s; at least 2 s.
	Lease time.Duration

	// Retention is how long ended runs are kept. Default 24 h.
	Retention time.Duration

	// Drain is how long a stopping server lets its runs finish before it hands
	// them back to the queue. Default 20 s; zero means the default.
	Drain time.Duration

	// MaxCrashes is the attempt lost with its worker that ends a run. Default 3.
	MaxCrashes int

	// Room says whether there is memory for another run; it must not block.
	// While it says no, nothing is claimed. nil: there always is.
	Room func() bool

	// Ready reports whether the worker may take work; false: it takes nothing
	// new until Ready returns true again. It is asked before each call for
	// tasks, so it must not block. Nil: always.
	Ready func() bool

	// Meter counts what goes wrong; nil: nobody counts.
	Meter Meter

	// About is shown to who looks at the fleet.
	About About
}

// Meter is told what a server does besides running attempts. It is called by
// many goroutines and must not block.
type Meter interface {
	// Mended says that the reconciler's work was done on a run: its worker was
	// "lost", its task "missing", it was "late", to be woken ("wake") or to be
	// settled ("settle").
	Repaired(queue, wrong string)
	// Lost says that an attempt has lost its run to another one.
	Lost(queue string)
}

func (c *ServerConfig) validate() error {
	if c.Redis == nil || c.Log == nil || c.Handler == nil {
		return fmt.Errorf("queue server: Redis, Log and Handler are required")
	}
	if c.Queue == "" || c.ID == "" || c.Slots < 1 {
		return fmt.Errorf("queue server: Queue, ID and at least one slot are required")
	}
	for _, d := range []struct {
		value *time.Duration
		least time.Duration
		usual time.Duration
	}{
		{&c.Block, 10 * time.Millisecond, 4 * time.Second},
		{&c.Lease, 2 * time.Second, 4 * time.Second},
		{&c.Retention, time.Second, 24 * time.Hour},
		{&c.Drain, time.Millisecond, 20 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.usual
		}
		if *d.value < d.least {
			return fmt.Errorf("queue server: %v is less than %v", *d.value, d.least)
		}
	}
	if c.Spare == 0 {
		c.Spare = c.Slots / 4
	}
	if c.Share == 0 {
		c.Share = 50
	}
	if c.Share < 1 || c.Share > 100 {
		return fmt.Errorf("queue server: a share of %d percent is not between 1 and 100", c.Share)
	}
	if c.Prefetch == 0 {
		c.Prefetch = 32
	}
	if c.RetryDelay == nil {
		c.RetryDelay = asynq.DefaultRetryDelayFunc
	}
	if c.Others == nil {
		c.Others = asynq.HandlerFunc(func(_ context.Context, t *asynq.Task) error {
			return fmt.Errorf("task type %q is not ours: %w", t.Type(), asynq.SkipRetry)
		})
	}
	if c.MaxCrashes == 0 {
		c.MaxCrashes = 3
	}
	return nil
}

// spare is how many spare slots there are.
func (c *ServerConfig) spare() int { return max(0, c.Spare) }

// offer is what the worker adds to the queue, as beat.lua reads it.
func (c *ServerConfig) capacity() string { return fmt.Sprintf("%d %d %d", c.Slots, c.spare(), c.Share) }

// Server is the worker's side of one queue: an asynq server that is woken,
// runs that are begun, renewed and finished through their fences, and this
// worker's share of the reconciler.
type Server struct {
	cfg      ServerConfig
	keys     keys
	redis    redis.UniversalClient
	asynq    *asynq.Client // encodes the tasks of next attempts
	inFlight *inFlight

	claims  *claims
	pending *claimer // of asynq's list, through waker
	express *claimer // of the runs that may use spare slots
	visible *visibleRuns

	finishes    *batcher[finishing] // of runs that somebody waits for
	completions *batcher[finishing] // of the others
	settler     *settler
	pool        pool
	lasting     atomic.Bool     // most of the attempts have lasted
	life        context.Context // set by Run; ends after the drain
	watchers    *watchRegistry
}

// NewServer opens a Server. Run works until its context ends; Close releases it.
func NewServer(cfg ServerConfig) (*Server, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, keys: keysOf(cfg.Queue), redis: cfg.Redis.Client(), inFlight: newInFlight()}
	s.asynq = asynq.NewClientFromRedisClient(&enqueuer{UniversalClient: s.redis})
	s.finishes = newBatcher(finishFlights, finishBatch, s.flushFinishes)
	s.completions = newBatcher(finishFlights, finishBatch, s.flushCompletions)
	s.settler = newSettler(s)
	s.watchers = newWatchRegistry()
	s.claims = newClaims(&s.cfg, s.redis, s.inFlight, s.begin)
	s.pending, s.express = newClaimer(s.claims, pendingList), newClaimer(s.claims, expressList)
	s.claims.all = []*claimer{s.pending, s.express}
	s.visible = newVisibleRuns()
	return s, nil
}

// Close releases the server's connections. It must not be called while Run runs.
func (s *Server) Close() error {
	return errors.Join(s.pending.blocking.Close(), s.express.blocking.Close(), s.redis.Close())
}

// Run works until ctx ends, and then drains: no new run begins, those that run
// have cfg.Drain to finish, and what is left goes back to the queue without
// losing an attempt.
func (s *Server) Run(ctx context.Context) error {
	if err := errors.Join(probeAsynq(ctx), loadScripts(ctx, s.redis)); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	wake := &waker{UniversalClient: s.redis, cfg: &s.cfg, encoder: s.asynq, claims: s.claims, pending: s.pending, visible: s.visible}
	server := asynq.NewServerFromRedisClient(wake, asynq.Config{
		Concurrency:       s.cfg.Slots,
		Queues:            map[string]int{s.cfg.Queue: 1},
		TaskCheckInterval: 1, // nanosecond: the waiting is waker's
		RetryDelayFunc:    s.cfg.RetryDelay,
		ShutdownTimeout:   s.cfg.Drain + 10*time.Second,
		Logger:            asynqLog{s.cfg.Log},
		LogLevel:          asynq.WarnLevel,
	})
	if err := s.beatOnce(ctx); err != nil { // a worker that is not listed may take nothing
		return fmt.Errorf("register worker: %w", err)
	}
	defer s.pool.close()
	var die context.CancelFunc
	s.life, die = context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	background.Go(func() { s.beat(s.life) })
	background.Go(func() { s.keepRegistration(s.life) })
	background.Go(func() { s.settler.run(s.life) })
	background.Go(func() { s.subscribeWatches(s.life) })
	background.Go(func() { s.publishEvents(s.life) })
	defer background.Wait()
	defer die()
	if err := server.Start(asynq.HandlerFunc(s.process)); err != nil {
		return fmt.Errorf("start asynq server: %w", err)
	}
	var taking sync.WaitGroup
	taking.Go(func() { s.express.run(s.life) })
	<-ctx.Done()
	s.drain(s.life, server, wake, &taking)
	return nil
}

// drain stops in the reverse order of the start.
func (s *Server) drain(ctx context.Context, server *asynq.Server, wake *waker, taking *sync.WaitGroup) {
	s.claims.stopped.close()
	for _, c := range s.claims.all {
		c.unblock(ctx)
	}
	server.Stop()
	taking.Wait()
	for _, a := range wake.ready { // asynq will not ask for them
		s.inFlight.remove(a.task)
	}
	if !within(s.inFlight.drained(), s.cfg.Drain) {
		for _, a := range s.inFlight.all() {
			a.end(ErrDraining)
		}
		within(s.inFlight.drained(), handlerGrace)
	}
	server.Shutdown()
	s.deregister(ctx)
}

// letGo is how long handlers have to return when their contexts have ended.
const handlerGrace = 10 * time.Second

// within reports whether the channel was closed in time.
func within(done <-chan struct{}, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// deregister takes this worker out of the registry. Without Redis the others
// do it, when its lease has ended.
func (s *Server) deregister(ctx context.Context) {
	if err := deregisterScript.Run(ctx, s.redis, s.keys.slot(), s.cfg.ID).Err(); err != nil {
		s.cfg.Log.Warn("deregister worker", "error", err)
	}
}

// begin starts an attempt on a goroutine of ours. asynq's contexts are not
// asked: they end with asynq's lease, after 30 s without Redis or of a paused
// process, and the run is still ours then.
func (s *Server) begin(a *Attempt) {
	a.server, a.Queue, a.done = s, wholeQueue(s.cfg.Queue), make(chan struct{})
	s.pool.run(func() {
		defer close(a.done)
		defer s.inFlight.remove(a.task)
		s.work(a)
	})
}

// process is asynq's handler: of the runs that it is shown, and of the tasks
// that are not runs.
func (s *Server) process(ctx context.Context, t *asynq.Task) error {
	task, _ := asynq.GetTaskID(ctx)
	if a := s.visible.get(task); a != nil {
		<-a.done
		if ctx.Err() != nil { // asynq will not report it done
			s.visible.done(task)
		}
		return nil
	}
	a := s.inFlight.get(task)
	if a == nil {
		return fmt.Errorf("task %s was not claimed by this worker", task)
	}
	defer s.inFlight.remove(task)
	return s.cfg.Others.ProcessTask(ctx, t)
}

// work takes an attempt from its beginning to its end.
func (s *Server) work(a *Attempt) {
	outcome, cause := s.attempt(a)
	err := s.complete(a, outcome, cause)
	if outcome.After != nil {
		outcome.After()
	}
	if err != nil { // the server's life has ended: the reconciler goes on
		s.cfg.Log.Error("conclude attempt", "run_id", a.ID, "attempt", a.Number, "error", err)
		return
	}
	if !a.gone.Load() && !a.settled {
		s.settler.add(settling{id: a.ID, age: s.age(a)})
	}
}

// The age of an attempt, as the scripts take it, says where it is in asynq's list of active tasks.
const (
	ageYoung  = ""  // near the head
	ageOld    = "1" // near the end, where the oldest are
	ageLeased = "2" // the same, and it may have an entry among asynq's leases
)

// age is ageLeased for an attempt that lasted, and ageOld for any other while most are short.
func (s *Server) age(a *Attempt) string {
	switch {
	case a.leased.Load():
		return ageLeased
	case s.lasting.Load():
		return ageYoung
	default:
		return ageOld
	}
}

// attempt runs the handler, and says why its context ended if it did.
func (s *Server) attempt(a *Attempt) (Outcome, error) {
	if err := decodeSpec(a.spec, &a.Spec); err != nil {
		return Outcome{State: Failed, Error: &flows.Error{Code: flows.CodeInternal, Message: err.Error()}}, nil
	}
	ctx, release := a.context(s.life)
	defer release()
	outcome := s.cfg.Handler(ctx, a)
	return outcome, context.Cause(ctx)
}

// conclude does what the outcome asks for. It insists for as long as the
// server lives.
func (s *Server) complete(a *Attempt, o Outcome, cause error) error {
	switch {
	case errors.Is(cause, ErrLost):
		a.gone.Store(true) // the next attempt took the task away
		s.releaseLimits(a)
		return nil
	case o.State == Queued, errors.Is(cause, ErrDraining) && o.State != Succeeded:
		a.gone.Store(true)
		s.publishState(a, Queued)
		return redisconn.RetryUntilDone(s.life, func() error { return s.handBack(s.life, a) })
	case o.State == Waiting && a.deferred:
		a.gone.Store(true)
		s.publishState(a, Waiting)
		s.releaseLimits(a)
		return nil
	case o.State == Waiting:
		a.gone.Store(true)
		var ours bool
		err := redisconn.RetryUntilDone(s.life, func() (err error) { ours, err = s.park(s.life, a, o); return err })
		s.publishState(a, Waiting)
		s.logStale(a, ours, err)
		s.releaseLimits(a)
		return err
	}
	last, err := s.finish(a, o)
	s.logStale(a, last, err)
	s.releaseLimits(a)
	return err
}

func (s *Server) logStale(a *Attempt, ours bool, err error) {
	if err == nil && !ours {
		a.gone.Store(true)
		s.cfg.Log.Warn("stale attempt changed nothing", "run_id", a.ID, "attempt", a.Number)
	}
}

// asynqLog lets asynq speak through the process' logger. What asynq calls an
// error is a call to Redis that failed and that it repeats, or that the
// reconciler makes up for: a warning. One that lasts is reported by Penstock.
type asynqLog struct{ *slog.Logger }

func (l asynqLog) Debug(args ...any) { l.Logger.Debug(fmt.Sprint(args...)) }
func (l asynqLog) Info(args ...any)  { l.Logger.Info(fmt.Sprint(args...)) }
func (l asynqLog) Warn(args ...any)  { l.Logger.Warn(fmt.Sprint(args...)) }
func (l asynqLog) Error(args ...any) { l.Logger.Warn(fmt.Sprint(args...)) }
func (l asynqLog) Fatal(args ...any) { l.Logger.Error(fmt.Sprint(args...)) }
