package queue

import "sync"

// visibleRuns are the asynq-visible runs: those that have lasted over a heartbeat.
// asynq's processor dequeues them as if they had just been claimed and waits for their
// ends, so that its tools show this worker processing them.
type visibleRuns struct {
	added chan struct{} // queue is not empty; buffered, one signal is enough

	mu     sync.Mutex
	queue  []*Attempt          // guarded by mu; not yet dequeued by asynq
	byTask map[string]*Attempt // guarded by mu; dequeued, until asynq reports the task done
}

func newVisibleRuns() *visibleRuns {
	return &visibleRuns{added: make(chan struct{}, 1), byTask: map[string]*Attempt{}}
}

// add makes an attempt visible. It must be called at most once for each attempt.
func (s *visibleRuns) add(a *Attempt) {
	s.mu.Lock()
	s.queue = append(s.queue, a)
	s.mu.Unlock()
	select {
	case s.added <- struct{}{}:
	default:
	}
}

// next returns an attempt that is still running; nil when there is none.
func (s *visibleRuns) next() *Attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > 0 {
		a := s.queue[0]
		s.queue = s.queue[1:]
		select {
		case <-a.done:
		default:
			s.byTask[a.task] = a
			return a
		}
	}
	return nil
}

func (s *visibleRuns) get(task string) *Attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byTask[task]
}

// done removes a task. False: it is not the task of a visible run.
func (s *visibleRuns) done(task string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ours := s.byTask[task]
	delete(s.byTask, task)
	return ours
}
