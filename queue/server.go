package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/goroutines"
	"github.com/penstock/penstock/internal/groupcommit"
	"github.com/penstock/penstock/internal/redisconn"
)

// Handler executes one attempt and returns its outcome. It must return soon after
// its context ends, within handlerGrace when the worker drains. context.Cause gives
// the reason: context.DeadlineExceeded, ErrLost (also when the run was cancelled)
// or ErrDraining.
type Handler func(ctx context.Context, a *Attempt) Outcome

// ServerConfig of a Server. Redis, Log, Queue, ID, Slots and Handler are
// required.
type ServerConfig struct {
	Redis   *redisconn.Conn
	Log     *slog.Logger
	Queue   string
	ID      string // id of this worker process, unique in the fleet
	Slots   int    // number of runs that execute at once, at least 1
	Handler Handler

	// Others handles the tasks that carry no run. Nil: they are archived, where
	// asynqmon shows them.
	Others asynq.Handler

	// RetryDelay is the delay before such a task is repeated. Nil: the exponential
	// delay of asynq.
	RetryDelay asynq.RetryDelayFunc

	// Spare is the number of additional slots for flows with next to nothing in
	// flight while other flows use all Slots. Zero means a fourth of Slots, rounded
	// down; negative: none.
	Spare int

	// Share is the part of the queue's slots, in percent, that one flow may use
	// while runs of other flows wait. Zero means 50; the largest value among the workers of the queue applies.
	Share int

	// Prefetch is the maximum number of tasks claimed in one call; the number of
	// free slots bounds it too. Zero means 32.
	Prefetch int

	// Block is how long an idle worker waits for a task in one call. Zero means 4 s;
	// at least 10 ms, and far below asynq's lease of 30 s.
	Block time.Duration

	// Lease is how long after its last heartbeat a worker keeps its runs. Heartbeats
	// come every second. Zero means 4 s; at least 2 s. It must be the same in the
	// whole fleet.
	Lease time.Duration

	// Retention is how long the record of a run is stored after its end. Zero means 24 h.
	Retention time.Duration

	// History says that ended runs go to a history: they are stored at least until the history has them.
	History bool

	// Failed handles runs that have failed or timed out, given by their ids. Any worker of
	// the queue may be called, once or more often for each run, about a second after the
	// run's end; what it does must therefore be repeatable. An error leads to another call
	// for all of the runs, half a minute later. Its context ends after failedLimit. Nil:
	// this worker handles none.
	Failed func(ctx context.Context, runs []string) error

	// Drain is how long a stopping server lets its runs finish before it returns them
	// to the queue. Zero means 20 s.
	Drain time.Duration

	// DelayedTaskCheck is how often asynq looks for scheduled and retried tasks that are
	// due. Zero means 5 s. It concerns tasks that carry no run.
	DelayedTaskCheck time.Duration

	// MaxCrashes is the number of lost workers after which a run fails. Zero means 3.
	MaxCrashes int

	// Room reports whether there is memory for another run. The worker claims nothing
	// while it returns false. It is called before each claim, so it must not block.
	// Nil: always true.
	Room func() bool

	// Ready reports whether the worker may claim work. The worker claims nothing while
	// it returns false. It is called before each claim, so it must not block. Nil:
	// always true.
	Ready func() bool

	// Meter counts repairs and losses. Optional.
	Meter Meter

	// About describes this worker in the list of the fleet.
	About About
}

// Meter counts events of a server. Its methods are called by many goroutines and
// must not block.
type Meter interface {
	// Repaired counts a run on which the reconciler has acted. wrong is the reason:
	// its worker was "lost", its task "missing", it was "late", it had to "wake", or
	// it had to "settle".
	Repaired(queue, wrong string)
	// Lost counts an attempt whose run was given to another attempt or was stopped.
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
		{&c.DelayedTaskCheck, time.Millisecond, 5 * time.Second},
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

// spare returns the number of spare slots.
func (c *ServerConfig) spare() int { return max(0, c.Spare) }

// capacity encodes what the worker adds to the queue, for beat.lua.
func (c *ServerConfig) capacity() string { return fmt.Sprintf("%d %d %d", c.Slots, c.spare(), c.Share) }

// Server is the side of a worker for one queue. It claims tasks, executes the
// handler for each run, stores the outcomes under the fence of the attempt, sends
// heartbeats, and does its part of the reconciler's work.
type Server struct {
	cfg      ServerConfig
	keys     keys
	redis    redis.UniversalClient
	asynq    *asynq.Client // encodes the tasks of next attempts
	inFlight *inFlight

	claims  *claims
	pending *claimer // of asynq's pending list; called by waker
	express *claimer // of the list of runs that may use spare slots
	visible *visibleRuns

	finishes    *groupcommit.Batcher[finishing] // ends of runs with a waiting caller
	completions *groupcommit.Batcher[finishing] // ends of the other runs
	settler     *settler
	pool        goroutines.Pool
	life        context.Context // set by Run; ends after the drain
	watchers    *watchRegistry
}

// NewServer opens a Server. Close releases its connections.
func NewServer(cfg ServerConfig) (*Server, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, keys: keysOf(cfg.Queue), redis: cfg.Redis.Client(), inFlight: newInFlight()}
	s.asynq = asynq.NewClientFromRedisClient(&enqueuer{UniversalClient: s.redis})
	s.finishes = groupcommit.New(finishFlights, finishBatch, s.flushFinishes)
	s.completions = groupcommit.New(finishFlights, finishBatch, s.flushCompletions)
	s.completions.Patient = true
	s.settler = newSettler(s)
	s.watchers = newWatchRegistry()
	s.claims = newClaims(&s.cfg, s.redis, s.inFlight, s.begin)
	s.pending, s.express = newClaimer(s.claims, pendingList), newClaimer(s.claims, expressList)
	s.claims.all = []*claimer{s.pending, s.express}
	s.visible = newVisibleRuns()
	return s, nil
}

// Close closes the connections. It must not be called while Run executes.
func (s *Server) Close() error {
	return errors.Join(s.pending.blocking.Close(), s.express.blocking.Close(), s.redis.Close())
}

// Run executes runs until ctx ends, and then drains: no new run begins, running
// attempts have cfg.Drain to finish, and the others are returned to the queue,
// which does not count as a crash.
func (s *Server) Run(ctx context.Context) error {
	if err := errors.Join(probeAsynq(ctx), loadScripts(ctx, s.redis)); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	wake := &waker{UniversalClient: s.redis, cfg: &s.cfg, encoder: s.asynq, claims: s.claims, pending: s.pending, visible: s.visible}
	server := asynq.NewServerFromRedisClient(wake, asynq.Config{
		Concurrency:              s.cfg.Slots,
		Queues:                   map[string]int{s.cfg.Queue: 1},
		TaskCheckInterval:        1, // nanosecond, because waker blocks instead
		DelayedTaskCheckInterval: s.cfg.DelayedTaskCheck,
		RetryDelayFunc:           s.cfg.RetryDelay,
		ShutdownTimeout:          s.cfg.Drain + 10*time.Second,
		Logger:                   asynqLog{s.cfg.Log},
		LogLevel:                 asynq.WarnLevel,
	})
	if err := s.beatOnce(ctx); err != nil { // an unregistered worker may claim nothing
		return fmt.Errorf("register worker: %w", err)
	}
	defer s.pool.Close()
	var die context.CancelFunc
	s.life, die = context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	background.Go(func() { s.beat(s.life) })
	background.Go(func() { s.keepRegistration(s.life) })
	background.Go(func() { s.settler.run(s.life) })
	if s.cfg.Failed != nil {
		background.Go(func() { s.readFailed(s.life) })
	}
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

// drain stops everything in the reverse order of Run.
func (s *Server) drain(ctx context.Context, server *asynq.Server, wake *waker, taking *sync.WaitGroup) {
	s.claims.stopped.close()
	for _, c := range s.claims.all {
		c.unblock(ctx)
	}
	server.Stop()
	taking.Wait()
	for _, a := range wake.ready { // asynq has stopped and will not dequeue them
		s.inFlight.remove(a)
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

// handlerGrace is how long handlers may take to return after their contexts have ended.
const handlerGrace = 10 * time.Second

// within reports whether the channel is closed before the limit.
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

// deregister removes this worker from the registry. If the call fails, another
// worker removes it when its lease has ended.
func (s *Server) deregister(ctx context.Context) {
	if err := deregisterScript.Run(ctx, s.redis, s.keys.slot(), s.cfg.ID).Err(); err != nil {
		s.cfg.Log.Warn("deregister worker", "error", err)
	}
}

// begin starts an attempt on a goroutine of the pool. asynq's contexts are not used:
// they end with asynq's lease, after 30 s without Redis or in a paused process,
// although the run still belongs to this worker.
func (s *Server) begin(a *Attempt) {
	a.server, a.Queue, a.done = s, wholeQueue(s.cfg.Queue), make(chan struct{})
	s.pool.Run(func() {
		defer close(a.done)
		defer s.inFlight.remove(a)
		s.work(a)
	})
}

// process is the handler of asynq. For an asynq-visible run it waits until the
// attempt has ended; a task that carries no run goes to cfg.Others.
func (s *Server) process(ctx context.Context, t *asynq.Task) error {
	task, _ := asynq.GetTaskID(ctx)
	if a := s.visible.get(task); a != nil {
		<-a.done
		if ctx.Err() != nil { // asynq will not call its done script
			s.visible.done(task)
		}
		return nil
	}
	a := s.inFlight.get(task)
	if a == nil {
		return fmt.Errorf("task %s was not claimed by this worker", task)
	}
	defer s.inFlight.remove(a)
	return s.cfg.Others.ProcessTask(ctx, t)
}

// work executes an attempt and stores its outcome.
func (s *Server) work(a *Attempt) {
	outcome, cause := s.attempt(a)
	err := s.complete(a, outcome, cause)
	if outcome.After != nil {
		outcome.After()
	}
	if err != nil { // the server has stopped: the reconciler takes the run over
		s.cfg.Log.Error("complete attempt", "run_id", a.ID, "attempt", a.Number, "error", err)
		return
	}
	if !a.gone.Load() && !a.settled {
		s.settler.add(settling{id: a.ID, visible: a.wasVisible()})
	}
}

// attempt calls the handler. The error is the cause for which its context ended; nil
// if it did not end.
func (s *Server) attempt(a *Attempt) (Outcome, error) {
	if err := decodeSpec(a.spec, &a.Spec); err != nil {
		return Outcome{State: Failed, Error: &flows.Error{Code: flows.CodeInternal, Message: err.Error()}}, nil
	}
	ctx, release := a.context(s.life)
	defer release()
	outcome := s.cfg.Handler(ctx, a)
	return outcome, context.Cause(ctx)
}

// complete stores the outcome of an attempt: it ends, parks or requeues the run. It
// retries until it is done or the server's life ends.
func (s *Server) complete(a *Attempt, o Outcome, cause error) error {
	switch {
	case errors.Is(cause, ErrLost):
		a.gone.Store(true) // the next attempt has replaced the task
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

// asynqLog writes asynq's log through the logger of the process. Errors of asynq
// become warnings: they are failed calls to Redis that asynq repeats or that the
// reconciler corrects. Penstock reports a lasting failure itself.
type asynqLog struct{ *slog.Logger }

func (l asynqLog) Debug(args ...any) { l.Logger.Debug(fmt.Sprint(args...)) }
func (l asynqLog) Info(args ...any)  { l.Logger.Info(fmt.Sprint(args...)) }
func (l asynqLog) Warn(args ...any)  { l.Logger.Warn(fmt.Sprint(args...)) }
func (l asynqLog) Error(args ...any) { l.Logger.Warn(fmt.Sprint(args...)) }
func (l asynqLog) Fatal(args ...any) { l.Logger.Error(fmt.Sprint(args...)) }
