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

// Why an attempt's context ended, besides its deadline.
var (
	ErrLost     = errors.New("queue: the run is not this worker's any more")
	ErrDraining = errors.New("queue: the worker is stopping")
)

// Attempt is one worker's hold on a run.
type Attempt struct {
	Spec
	Number   int // the fence: 1 at first
	Times    Times
	Deadline time.Time // on this process' clock

	server      *Server
	task        string        // id of the asynq task
	message     string        // asynq's encoding of it; "" for a run
	spare       bool          // it uses a spare slot
	redelivered bool          // its claim's reply was lost; this is the same attempt again
	spec        string        // not yet decoded
	effects     atomic.Bool   // a journal was written
	leased      atomic.Bool   // it has an entry among asynq's leases
	done        chan struct{} // closed when it has ended
	gone        atomic.Bool   // its task was taken away: there is nothing to settle
	settled     bool          // owned by the handler; it was, as it ended

	beats int // owned by the beat; how many it has seen

	limits   []ConcurrencyLimit // owned by the handler; those that it asked for a place
	deferred bool               // owned by the handler; it was parked at the last of them

	mu     sync.Mutex
	cancel context.CancelCauseFunc // guarded by mu; nil until the attempt runs
	cause  error                   // guarded by mu; why it must not run

	reporter Reporter // guarded by mu; nil until the worker has one
}

// Outcome is how an attempt ended: with a terminal State, parked, or handed
// back because this worker cannot do it.
type Outcome struct {
	State  State // Succeeded, Failed, Cancelled, TimedOut; Waiting parks the run; Queued gives it back, no attempt is lost
	Output []byte
	Error  *flows.Error
	Steps  []byte    // JSON, what each step did
	Wake   time.Time // when a parked run goes on
	After  func()    // nil, or called once what the outcome asks for was done, on the handler's goroutine
}

// claimedFields are the values of one task in the reply of claim and resume: id
// message verdict accepted started deadline spec event.
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
		a.Deadline = time.Now().Add(time.UnixMilli(ms).Sub(a.Times.Started)) // both on Redis' clock
	}
	if event := s(7); event != "" {
		a.Event = json.RawMessage(event)
	}
	return a
}

// context returns the context that the attempt runs under.
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

// end makes the attempt stop, also when it has not begun to run yet.
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

// held are the attempts that a worker has claimed and not let go of. Their
// leases are renewed for as long as they are here.
type inFlight struct {
	mu     sync.Mutex
	byTask map[string]*Attempt // guarded by mu
	spares int                 // guarded by mu; of them in spare slots
	empty  chan struct{}       // guarded by mu; closed when the last one goes; nil: nobody waits for that
	fewer  chan struct{}       // guarded by mu; closed when the next one goes; nil: nobody waits for that
}

func newInFlight() *inFlight { return &inFlight{byTask: map[string]*Attempt{}} }

func (h *inFlight) add(a *Attempt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.byTask[a.task] = a
	if a.spare {
		h.spares++
	}
}

func (h *inFlight) get(task string) *Attempt {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.byTask[task]
}

func (h *inFlight) remove(task string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if a := h.byTask[task]; a != nil && a.spare {
		h.spares--
	}
	delete(h.byTask, task)
	if len(h.byTask) == 0 && h.empty != nil {
		close(h.empty)
		h.empty = nil
	}
	if h.fewer != nil {
		close(h.fewer)
		h.fewer = nil
	}
}

// freed returns a channel that is closed when one is let go of.
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

// regular is how many of them do not use a spare slot.
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

// all lists the attempts of runs.
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

// drained returns a channel that is closed when nothing is held.
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
