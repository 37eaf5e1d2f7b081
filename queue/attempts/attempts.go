// Package attempts records the attempts of a run that did not end it: when each was executed, and what the run waited for after it.
package attempts

import (
	"time"

	"github.com/penstock/penstock/queue"
)

// most is the number of attempts that a History lists; of those before them it has the times together.
const most = 40

// History has the attempts of a run before the latest one, and the latest one too once it has parked the run. An attempt is absent
// that was lost with its worker, that its worker has handed back, or that got no place at a concurrency limit. The zero History has
// none.
type History struct {
	List   []Attempt `json:"list"`             // the oldest first
	Folded *Folded   `json:"folded,omitempty"` // those before List; nil: there are none
}

// Attempt is an attempt that has parked its run.
type Attempt struct {
	Number  int       `json:"attempt"`
	Worker  string    `json:"worker,omitempty"`
	Started time.Time `json:"started_at"`
	Ended   time.Time `json:"ended_at"` // by the same clock, that of Redis
	Wait    Wait      `json:"wait"`
}

// Wait is what a parked run waits for.
type Wait struct {
	For   string    `json:"for"`             // kind of the step that waits, or Retry
	Step  string    `json:"step,omitempty"`  // its path; of a retry the step that failed
	Topic string    `json:"topic,omitempty"` // of the event that it waits for; empty: it waits for none
	Until time.Time `json:"until,omitzero"`  // the latest time at which the run goes on; zero: there is none
}

// Retry is Wait.For of a run that has failed and is tried again, see run.retry of its flow.
const Retry = "retry"

// Folded are attempts of which only the times are kept.
type Folded struct {
	Attempts int       `json:"attempts"`
	Times    Times     `json:"times"`
	Until    time.Time `json:"until"` // when the first attempt of List has begun, up to which Times count
}

// Times is how a run has spent its time.
type Times struct {
	Queue  time.Duration `json:"queue_ns"`          // it could have been executed: it waited for a worker, or for a place
	Steps  time.Duration `json:"steps_ns"`          // a worker executed it
	Parked time.Duration `json:"parked_ns"`         // it waited for a time, a call, an event or a lock
	Lost   time.Duration `json:"lost_ns,omitempty"` // in attempts of which nothing is recorded, of a run that has lost workers
}

// Add adds an attempt that has parked the run, which was accepted at a time.
func (h *History) Add(a Attempt, accepted time.Time) {
	h.List = append(h.List, a)
	for len(h.List) > most {
		if h.Folded == nil {
			h.Folded = &Folded{Until: h.List[0].Started, Times: Times{Queue: max(0, h.List[0].Started.Sub(accepted))}}
		}
		f, first, next := h.Folded, &h.List[0], h.List[1].Started
		f.Attempts++
		f.Times.Steps += max(0, first.Ended.Sub(first.Started))
		f.Times.addWait(first, next, false)
		f.Until = next
		h.List = h.List[1:]
	}
}

// addWait adds the time from the end of an attempt to a later moment. over: the run ended, or waits still, at that moment.
func (t *Times) addWait(a *Attempt, to time.Time, over bool) {
	pause := max(0, to.Sub(a.Ended))
	parked := pause
	if until := a.Wait.Until; !until.IsZero() && until.Before(to) && !over { // it was due, and waited for a worker
		parked = min(pause, max(0, until.Sub(a.Ended)))
	}
	t.Parked += parked
	t.Queue += pause - parked
}

// TimesOf returns how a run has spent its time until now, from its acceptance to its end.
func (h *History) TimesOf(r *queue.Record, now time.Time) Times {
	var t Times
	end := now
	if r.State.Terminal() && !r.Times.Finished.IsZero() {
		end = r.Times.Finished
	}
	var before *Attempt
	at := r.AcceptedAt()
	if h.Folded != nil {
		t, at = h.Folded.Times, h.Folded.Until
	}
	for i := range h.List {
		a := &h.List[i]
		t.addGap(h.lostBefore(r, i, a.Number), before, at, a.Started)
		t.Steps += max(0, a.Ended.Sub(a.Started))
		before, at = a, a.Ended
	}
	started, lost := r.Times.Started, h.lostBefore(r, len(h.List), r.Attempt)
	switch {
	case before != nil && before.Number >= r.Attempt: // the latest attempt is in the list
		t.addWait(before, end, r.State != queue.Queued)
	case started.IsZero() || r.State == queue.Queued:
		t.addGap(lost, before, at, end)
	case r.State == queue.Waiting: // for a place, or for the end of a pause, which no attempt has recorded
		t.addGap(lost, before, at, started)
		t.Parked += max(0, end.Sub(started))
	default:
		t.addGap(lost, before, at, started)
		t.Steps += max(0, end.Sub(started))
	}
	return t
}

// lostBefore reports whether attempts may have been lost with their workers between an element of List and the attempt that is
// recorded before it.
func (h *History) lostBefore(r *queue.Record, i, number int) bool {
	switch {
	case r.Crashes == 0:
		return false
	case i > 0:
		return number > h.List[i-1].Number+1
	}
	return h.Folded == nil && r.ResumedFrom == "" && number > 1
}

// addGap adds the time between two attempts, or before the first: before is nil then. lost: attempts were lost in it.
func (t *Times) addGap(lost bool, before *Attempt, from, to time.Time) {
	gap := max(0, to.Sub(from))
	waited := Times{Queue: gap}
	if before != nil {
		waited = Times{}
		waited.addWait(before, to, false)
	}
	t.Parked += waited.Parked
	if lost {
		t.Lost += waited.Queue
	} else {
		t.Queue += waited.Queue
	}
}
