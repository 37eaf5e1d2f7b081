package queue

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	watchTTL    = 5 * time.Second // since the last watch request of an API process, which comes every second
	eventBuffer = 4096            // events that wait to be published; further ones are dropped
	eventBatch  = 128             // events in one call of Redis
)

// subscribeWatches receives watch requests from API processes until ctx ends.
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

// handleWatch registers the runs of a watch request (see Client.sendWatch) and
// sends the API process the past events of those that this worker executes.
func (s *Server) handleWatch(message string) {
	process, ids, _ := strings.Cut(message, ",")
	s.watchers.prune()
	for id := range strings.SplitSeq(ids, ",") {
		s.watchers.subscribe(id, process)
	}
	for _, a := range s.inFlight.all() {
		if s.watchers.isBehind(a.ID, process, a.Number) {
			s.sendHistory(a, process)
		}
	}
}

// publishEvents publishes queued events in batches until ctx ends.
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
			s.cfg.Log.Warn("publish events", "count", len(batch), "error", err)
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

// Reporter lists the events of an attempt so far. The worker implements it.
type Reporter interface {
	// Report calls yield once with the numbered events so far, in order. No new
	// event may be sent before yield returns.
	Report(yield func([]Event))
}

// Report sets the source of the attempt's past events, which each new watcher
// receives before the events of Publish. The worker calls it once, when the
// attempt begins.
func (a *Attempt) Report(r Reporter) {
	if a.server == nil {
		return
	}
	a.mu.Lock()
	a.reporter = r
	a.mu.Unlock()
	for _, process := range a.server.watchers.processes(a.ID) {
		a.server.sendHistory(a, process)
	}
}

// HasWatchers reports whether any API process watches the run. It costs one
// atomic load while no run is watched.
func (a *Attempt) HasWatchers() bool {
	return a.server != nil && a.server.watchers.any.Load() && len(a.server.watchers.processes(a.ID)) > 0
}

// Publish sends an event to the watchers of the run. It never blocks: an event
// is dropped when the publisher is behind.
func (a *Attempt) Publish(e Event) {
	if a.server == nil || !a.server.watchers.any.Load() {
		return
	}
	e.Attempt = a.Number
	for _, process := range a.server.watchers.current(a.ID, a.Number) {
		a.server.watchers.enqueue(a.ID, process, e)
	}
}

// publishState publishes that the run has entered a state that is not terminal.
func (s *Server) publishState(a *Attempt, state State) {
	if s.watchers.any.Load() {
		a.Publish(Event{Kind: EventState, Data: json.RawMessage(strconv.Quote(string(state)))})
	}
}

// sendHistory sends the past events of the attempt to one API process and
// subscribes it to the later ones.
func (s *Server) sendHistory(a *Attempt, process string) {
	a.mu.Lock()
	r := a.reporter
	a.mu.Unlock()
	if r == nil {
		return // the handler has not begun
	}
	r.Report(func(before []Event) {
		if !s.watchers.moveTo(a.ID, process, a.Number) {
			return
		}
		running := Event{Attempt: a.Number, Kind: EventState, Data: json.RawMessage(strconv.Quote(string(Running)))}
		for _, e := range append([]Event{running}, before...) {
			e.Attempt = a.Number
			s.watchers.enqueue(a.ID, process, e)
		}
	})
}

// watchRegistry holds the watch requests that this worker has received, and the
// events that wait to be published to their API processes.
type watchRegistry struct {
	any    atomic.Bool        // at least one run is watched
	events chan outgoingEvent // buffered, so that a step never waits for a watcher

	mu    sync.Mutex
	byRun map[string]map[string]*subscriber // guarded by mu; by run id and API process
}

// subscriber is one API process that watches one run.
type subscriber struct {
	until   time.Time
	attempt int // the attempt whose events it receives; 0: none yet
}

// outgoingEvent is an event for one API process.
type outgoingEvent struct {
	run, process string
	event        Event
}

func newWatchRegistry() *watchRegistry {
	return &watchRegistry{events: make(chan outgoingEvent, eventBuffer), byRun: map[string]map[string]*subscriber{}}
}

// subscribe adds or renews a watch request.
func (w *watchRegistry) subscribe(run, process string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	processes := w.byRun[run]
	if processes == nil {
		processes = map[string]*subscriber{}
		w.byRun[run] = processes
	}
	if processes[process] == nil {
		processes[process] = &subscriber{}
	}
	processes[process].until = time.Now().Add(watchTTL)
	w.any.Store(true)
}

// prune removes the subscribers that have not renewed their watch.
func (w *watchRegistry) prune() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for run, processes := range w.byRun {
		for process, a := range processes {
			if now.After(a.until) {
				delete(processes, process)
			}
		}
		if len(processes) == 0 {
			delete(w.byRun, run)
		}
	}
	w.any.Store(len(w.byRun) > 0)
}

// processes lists all subscribers of a run.
func (w *watchRegistry) processes(run string) []string {
	return w.filter(run, func(*subscriber) bool { return true })
}

// current lists the subscribers that receive the events of this attempt.
func (w *watchRegistry) current(run string, attempt int) []string {
	return w.filter(run, func(a *subscriber) bool { return a.attempt == attempt })
}

func (w *watchRegistry) filter(run string, which func(*subscriber) bool) (out []string) {
	if !w.any.Load() {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for process, a := range w.byRun[run] {
		if which(a) {
			out = append(out, process)
		}
	}
	return out
}

// isBehind reports whether a subscriber does not yet receive the events of this attempt.
func (w *watchRegistry) isBehind(run, process string, attempt int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.byRun[run][process]
	return a != nil && a.attempt != attempt
}

// moveTo subscribes the API process to this attempt; false if it is subscribed
// already or has expired.
func (w *watchRegistry) moveTo(run, process string, attempt int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.byRun[run][process]
	if a == nil || a.attempt == attempt {
		return false
	}
	a.attempt = attempt
	return true
}

// enqueue hands an event to the publisher. It never blocks.
func (w *watchRegistry) enqueue(run, process string, e Event) {
	select {
	case w.events <- outgoingEvent{run, process, e}:
	default: // dropped: the record of the run holds the same in the end
	}
}
