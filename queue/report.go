package queue

import (
	"encoding/json"
	"strconv"
)

// Reporter knows what an attempt has done so far.
type Reporter interface {
	// Report calls yield once with the numbered events so far, in order. None
	// may be told until yield returns.
	Report(yield func([]Event))
}

// Report makes the attempt's events known to who watches the run: those so
// far, whenever somebody begins to watch, and then those that are told.
func (a *Attempt) Report(r Reporter) {
	if a.server == nil {
		return
	}
	a.mu.Lock()
	a.reporter = r
	a.mu.Unlock()
	for _, door := range a.server.watched.doors(a.ID) {
		a.server.catchUp(a, door)
	}
}

// Watched reports whether anybody watches the run. It is cheap.
func (a *Attempt) Watched() bool {
	return a.server != nil && a.server.watched.some.Load() && len(a.server.watched.doors(a.ID)) > 0
}

// Tell sends an event to who watches the run. It never blocks.
func (a *Attempt) Tell(e Event) {
	if a.server == nil || !a.server.watched.some.Load() {
		return
	}
	e.Attempt = a.Number
	for _, door := range a.server.watched.caughtUp(a.ID, a.Number) {
		a.server.watched.send(a.ID, door, e)
	}
}

// tellState tells that the run is in a state which is not its end.
func (s *Server) tellState(a *Attempt, state State) {
	if s.watched.some.Load() {
		a.Tell(Event{Kind: EventState, Data: json.RawMessage(strconv.Quote(string(state)))})
	}
}

// catchUp tells one door what happened before it asked; what happens from
// then on is told to it as well.
func (s *Server) catchUp(a *Attempt, door string) {
	a.mu.Lock()
	r := a.reporter
	a.mu.Unlock()
	if r == nil {
		return // it has not begun
	}
	r.Report(func(before []Event) {
		if !s.watched.join(a.ID, door, a.Number) {
			return
		}
		running := Event{Attempt: a.Number, Kind: EventState, Data: json.RawMessage(strconv.Quote(string(Running)))}
		for _, e := range append([]Event{running}, before...) {
			e.Attempt = a.Number
			s.watched.send(a.ID, door, e)
		}
	})
}
