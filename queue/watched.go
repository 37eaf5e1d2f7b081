package queue

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	watchedFor = 5 * time.Second // after a door last asked; several times its second
	tellRoom   = 4096            // events on their way to Redis; beyond it they are dropped
)

// watched are the runs that doors watch, as far as this worker heard, and the
// events on their way to them.
type watched struct {
	some atomic.Bool // any at all
	out  chan told   // buffered, so that a step never waits for who watches it

	mu    sync.Mutex
	byRun map[string]map[string]*audience // guarded by mu; run, door
}

// audience is one door that watches one run.
type audience struct {
	until   time.Time
	attempt int // whose events it gets; 0: none yet
}

// told is an event on its way.
type told struct {
	run, door string
	event     Event
}

func newWatched() *watched {
	return &watched{out: make(chan told, tellRoom), byRun: map[string]map[string]*audience{}}
}

func (w *watched) ask(run, door string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	doors := w.byRun[run]
	if doors == nil {
		doors = map[string]*audience{}
		w.byRun[run] = doors
	}
	if doors[door] == nil {
		doors[door] = &audience{}
	}
	doors[door].until = time.Now().Add(watchedFor)
	w.some.Store(true)
}

// prune forgets doors that do not ask any more.
func (w *watched) prune() {
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
	w.some.Store(len(w.byRun) > 0)
}

func (w *watched) doors(run string) []string {
	return w.those(run, func(*audience) bool { return true })
}

func (w *watched) caughtUp(run string, attempt int) []string {
	return w.those(run, func(a *audience) bool { return a.attempt == attempt })
}

func (w *watched) those(run string, which func(*audience) bool) (out []string) {
	if !w.some.Load() {
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

func (w *watched) behind(run, door string, attempt int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.byRun[run][door]
	return a != nil && a.attempt != attempt
}

// join makes a door hear of an attempt; false: it does already, or has gone.
func (w *watched) join(run, door string, attempt int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.byRun[run][door]
	if a == nil || a.attempt == attempt {
		return false
	}
	a.attempt = attempt
	return true
}

func (w *watched) send(run, door string, e Event) {
	select {
	case w.out <- told{run, door, e}:
	default: // the run's record will have it
	}
}
