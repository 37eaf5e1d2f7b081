package queue

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const eventBatch = 128

// listen hears which runs are watched, until ctx ends.
func (s *Server) subscribeWatches(ctx context.Context) {
	subscribe := s.redis.Subscribe
	if s.cfg.Redis.Cluster() {
		subscribe = s.redis.SSubscribe
	}
	sub := subscribe(ctx, s.keys.watch())
	stop := context.AfterFunc(ctx, func() { _ = sub.Close() }) // ends a blocked read
	defer stop()
	for ctx.Err() == nil {
		message, err := sub.ReceiveTimeout(ctx, replyQuiet)
		if m, ok := message.(*redis.Message); ok {
			s.handleWatch(m.Payload)
		}
		if isTimeout(err) {
			s.watchers.prune()
			err = sub.Ping(ctx)
		}
		if err != nil && ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(replyRetry):
			}
		}
	}
}

// heed reads a door's wish to watch runs, see Client.ask.
func (s *Server) handleWatch(message string) {
	door, ids, _ := strings.Cut(message, ",")
	s.watchers.prune()
	for id := range strings.SplitSeq(ids, ",") {
		s.watchers.subscribe(id, door)
	}
	for _, a := range s.inFlight.all() {
		if s.watchers.isBehind(a.ID, door, a.Number) {
			s.sendHistory(a, door)
		}
	}
}

// spread publishes what is told, until ctx ends.
func (s *Server) publishEvents(ctx context.Context) {
	for {
		var batch []outgoingEvent
		select {
		case <-ctx.Done():
			return
		case t := <-s.watchers.events:
			batch = append(batch, t)
		}
		for len(batch) < eventBatch && len(s.watchers.events) > 0 {
			batch = append(batch, <-s.watchers.events)
		}
		if err := s.publishBatch(ctx, batch); err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("tell events", "count", len(batch), "error", err)
		}
	}
}

func (s *Server) publishBatch(ctx context.Context, batch []outgoingEvent) error {
	pipe := s.redis.Pipeline()
	for _, t := range batch {
		e := t.event
		text := eventMark + strings.Join([]string{t.run, strconv.Itoa(e.Attempt), strconv.Itoa(e.Number), e.Kind, string(e.Data)}, specSeparator)
		if s.cfg.Redis.Cluster() {
			pipe.SPublish(ctx, s.keys.replyPrefix()+t.process, text)
		} else {
			pipe.Publish(ctx, s.keys.replyPrefix()+t.process, text)
		}
	}
	_, err := pipe.Exec(ctx)
	return err
}

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
	for _, door := range a.server.watchers.processes(a.ID) {
		a.server.sendHistory(a, door)
	}
}

// Watched reports whether anybody watches the run. It is cheap.
func (a *Attempt) HasWatchers() bool {
	return a.server != nil && a.server.watchers.any.Load() && len(a.server.watchers.processes(a.ID)) > 0
}

// Tell sends an event to who watches the run. It never blocks.
func (a *Attempt) Publish(e Event) {
	if a.server == nil || !a.server.watchers.any.Load() {
		return
	}
	e.Attempt = a.Number
	for _, door := range a.server.watchers.current(a.ID, a.Number) {
		a.server.watchers.enqueue(a.ID, door, e)
	}
}

// tellState tells that the run is in a state which is not its end.
func (s *Server) publishState(a *Attempt, state State) {
	if s.watchers.any.Load() {
		a.Publish(Event{Kind: EventState, Data: json.RawMessage(strconv.Quote(string(state)))})
	}
}

// catchUp tells one door what happened before it asked; what happens from
// then on is told to it as well.
func (s *Server) sendHistory(a *Attempt, door string) {
	a.mu.Lock()
	r := a.reporter
	a.mu.Unlock()
	if r == nil {
		return // it has not begun
	}
	r.Report(func(before []Event) {
		if !s.watchers.moveTo(a.ID, door, a.Number) {
			return
		}
		running := Event{Attempt: a.Number, Kind: EventState, Data: json.RawMessage(strconv.Quote(string(Running)))}
		for _, e := range append([]Event{running}, before...) {
			e.Attempt = a.Number
			s.watchers.enqueue(a.ID, door, e)
		}
	})
}
