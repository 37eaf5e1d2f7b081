package queue

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/flows"
)

// Causes for which the context of an attempt ends, besides its deadline.
var (
	ErrLost     = errors.New("queue: the run is not this worker's any more")
	ErrDraining = errors.New("queue: the worker is stopping")
)

// Attempt is one execution of a run by a worker.
type Attempt struct {
	Spec
	Number   int // the fence, from 1
	Times    Times
	Deadline time.Time // by the clock of this process

	server      *Server
	task        string        // id of the asynq task
	message     string        // asynq's encoding of the task; "" for a task that carries a run
	spare       bool          // it uses a spare slot
	redelivered bool          // the same attempt, delivered again: a reply was lost, or Redis failed over
	spec        string        // not yet decoded
	effects     atomic.Bool   // the journal has entries
	visibility  atomic.Int32  // hidden, visible or ended
	done        chan struct{} // closed when the attempt has ended
	gone        atomic.Bool   // its task was removed, so there is nothing to settle
	settled     bool          // owned by the handler; complete.lua has settled the run

	beats int // owned by beat; number of heartbeats since it began

	limits   []ConcurrencyLimit // owned by the handler; limits on which it called Acquire
	deferred bool               // owned by the handler; it was parked by Acquire or ParkIfPaused

	mu     sync.Mutex
	cancel context.CancelCauseFunc // guarded by mu; nil until the attempt runs
	cause  error                   // guarded by mu; why it must end; nil: it may run

	reporter Reporter // guarded by mu; nil until Report
}

// Whether asynq's tools see an attempt. The heartbeat makes it visible, and what ends
// it must know whether there are entries to remove.
const (
	hidden  int32 = iota
	visible       // it may have entries in asynq's list of active tasks and in its lease set
	ended         // it was hidden to its end
)

// wasVisible reports whether the attempt may have become visible to asynq, also before it
// was delivered again. The attempt has ended: it does not become visible any more.
func (a *Attempt) wasVisible() bool {
	wasHidden := a.visibility.CompareAndSwap(hidden, ended)
	return a.redelivered || !wasHidden && a.visibility.Load() == visible
}

// Outcome is how an attempt ended: with a terminal State, parked, or returned to
// the queue because this worker cannot execute it.
type Outcome struct {
	State  State // Succeeded, Failed, Cancelled, TimedOut; Waiting parks the run; Queued returns it to the queue, which is no crash
	Output []byte
	Error  *flows.Error
	Steps  []byte     // JSON, what each step did; nil: nothing to store
	Wake   time.Time  // when a parked run continues; zero: after a callback only
	Retry  *RetryPlan // the run has failed, and is parked until it is tried again; nil: it is parked for another reason
	Bound  bool       // of a parked run: it must not outlive its caller, so that it continues at its deadline at the latest
	After  func()     // optional; called after the outcome was stored, on the goroutine of the handler
}

// claimedFields is the number of values of one task in the replies of claim.lua and
// redeliver.lua: id message verdict accepted started deadline spec event.
const claimedFields = 8

func newAttempts(values []any) []*Attempt {
	all := make([]*Attempt, 0, len(values)/claimedFields)
	for ; len(values) >= claimedFields; values = values[claimedFields:] {
		all = append(all, newAttempt(values))
	}
	return all
}

func newAttempt(v []any) *Attempt {
	s := func(i int) string { s, _ := v[i].(string); return s }
	a := &Attempt{task: s(0), message: s(1), spec: s(6)}
	a.Number, _ = strconv.Atoi(s(2)) // "task": 0
	if a.Number == 0 {
		return a
	}
	a.ID = a.task[:idLen]
	a.Times = Times{Accepted: micros(s(3)), Started: micros(s(4))}
	if ms, err := strconv.ParseInt(s(5), 10, 64); err == nil {
		a.Deadline = time.Now().Add(time.UnixMilli(ms).Sub(a.Times.Started)) // both times are by the clock of Redis
	}
	if event := s(7); event != "" {
		a.Event = json.RawMessage(event)
	}
	return a
}

// context returns the context of the handler, with the deadline of the attempt.
func (a *Attempt) context(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	ctx, release := context.WithDeadline(ctx, a.Deadline)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cancel = cancel
	if a.cause != nil {
		cancel(a.cause)
	}
	return ctx, func() { release(); cancel(nil) }
}

// end cancels the attempt. It takes effect also before the handler has begun.
func (a *Attempt) end(cause error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cause == nil {
		a.cause = cause
	}
	if a.cancel != nil {
		a.cancel(cause)
	}
}

// inFlight are the attempts and tasks that a worker has claimed and not completed.
// beat renews the leases of all of them.
type inFlight struct {
	mu     sync.Mutex
	byTask map[string]*Attempt // guarded by mu
	spares int                 // guarded by mu; number of them in spare slots
	empty  chan struct{}       // guarded by mu; closed when the last one is removed; nil: no waiter
	fewer  chan struct{}       // guarded by mu; closed when the next one is removed; nil: no waiter
}

func newInFlight() *inFlight { return &inFlight{byTask: map[string]*Attempt{}} }

// add adds an attempt, and ends the one whose place it takes: when Redis fails over to a
// replica that lags behind, a worker may claim what it executes already.
func (h *inFlight) add(a *Attempt) {
	h.mu.Lock()
	before := h.byTask[a.task]
	h.drop(before)
	h.byTask[a.task] = a
	if a.spare {
		h.spares++
	}
	h.mu.Unlock()
	if before != nil {
		a.redelivered = true
		before.end(ErrLost)
	}
}

// drop removes an attempt. The caller holds mu.
func (h *inFlight) drop(a *Attempt) {
	if a == nil {
		return
	}
	delete(h.byTask, a.task)
	if a.spare {
		h.spares--
	}
}

func (h *inFlight) get(task string) *Attempt {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.byTask[task]
}

// remove removes an attempt, unless another one has taken its place.
func (h *inFlight) remove(a *Attempt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byTask[a.task] == a {
		h.drop(a)
	}
	if len(h.byTask) == 0 && h.empty != nil {
		close(h.empty)
		h.empty = nil
	}
	if h.fewer != nil {
		close(h.fewer)
		h.fewer = nil
	}
}

// freed returns a channel that is closed when an attempt is removed.
func (h *inFlight) freed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fewer == nil {
		h.fewer = make(chan struct{})
	}
	return h.fewer
}

func (h *inFlight) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.byTask)
}

// regular returns the number of attempts that do not use a spare slot.
func (h *inFlight) regular() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.byTask) - h.spares
}

func (h *inFlight) spare() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.spares
}

// all lists the attempts, without tasks that carry no run.
func (h *inFlight) all() []*Attempt {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]*Attempt, 0, len(h.byTask))
	for _, a := range h.byTask {
		if a.Number > 0 {
			out = append(out, a)
		}
	}
	return out
}

// drained returns a channel that is closed when nothing is in flight.
func (h *inFlight) drained() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	done := make(chan struct{})
	if len(h.byTask) == 0 {
		close(done)
		return done
	}
	h.empty = done
	return done
}
