package queue

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	watchTTL    = 5 * time.Second // after a door last asked; several times its second
	eventBuffer = 4096            // events on their way to Redis; beyond it they are dropped
)

// watched are the runs that doors watch, as far as this worker heard, and the
// events on their way to them.
type watchRegistry struct {
	any    atomic.Bool        // any at all
	events chan outgoingEvent // buffered, so that a step never waits for who watches it

	mu    sync.Mutex
	byRun map[string]map[string]*subscriber // guarded by mu; run, door
}

// audience is one door that watches one run.
type subscriber struct {
	until   time.Time
	attempt int // whose events it gets; 0: none yet
}

// told is an event on its way.
type outgoingEvent struct {
	run, process string
	event        Event
}

func newWatchRegistry() *watchRegistry {
	return &watchRegistry{events: make(chan outgoingEvent, eventBuffer), byRun: map[string]map[string]*subscriber{}}
}

func (w *watchRegistry) subscribe(run, door string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	doors := w.byRun[run]
	if doors == nil {
		doors = map[string]*subscriber{}
		w.byRun[run] = doors
	}
	if doors[door] == nil {
		doors[door] = &subscriber{}
	}
	doors[door].until = time.Now().Add(watchTTL)
	w.any.Store(true)
}

// prune forgets doors that do not ask any more.
func (w *watchRegistry) prune() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for run, doors := range w.byRun {
		for door, a := range doors {
			if now.After(a.until) {
				delete(doors, door)
			}
		}
		if len(doors) == 0 {
			delete(w.byRun, run)
		}
	}
	w.any.Store(len(w.byRun) > 0)
}

func (w *watchRegistry) processes(run string) []string {
	return w.filter(run, func(*subscriber) bool { return true })
}

func (w *watchRegistry) current(run string, attempt int) []string {
	return w.filter(run, func(a *subscriber) bool { return a.attempt == attempt })
}

func (w *watchRegistry) filter(run string, which func(*subscriber) bool) (out []string) {
	if !w.any.Load() {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for door, a := range w.byRun[run] {
		if which(a) {
			out = append(out, door)
		}
	}
	return out
}

func (w *watchRegistry) isBehind(run, door string, attempt int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.byRun[run][door]
	return a != nil && a.attempt != attempt
}

// join makes a door hear of an attempt; false: it does already, or has gone.
func (w *watchRegistry) moveTo(run, door string, attempt int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.byRun[run][door]
	if a == nil || a.attempt == attempt {
		return false
	}
	a.attempt = attempt
	return true
}

func (w *watchRegistry) enqueue(run, door string, e Event) {
	select {
	case w.events <- outgoingEvent{run, door, e}:
	default: // the run's record will have it
	}
}
