package queue

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	watchTTL    = 5 * time.Second // since the last watch request of an API process, which comes every second
	eventBuffer = 4096            // events that wait to be published; further ones are dropped
)

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
