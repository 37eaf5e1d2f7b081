package queue

import "sync"

// shown are the runs that have lasted long enough for asynq to hear of them:
// its processor gets them as if they had just been taken, waits for their
// ends, and its tools see this worker at work on them.
type visibleRuns struct {
	added chan struct{} // there is one that asynq has not taken; buffered, one signal is enough

	mu     sync.Mutex
	queue  []*Attempt          // guarded by mu; not yet taken
	byTask map[string]*Attempt // guarded by mu; until asynq reports the task done
}

func newVisibleRuns() *visibleRuns {
	return &visibleRuns{added: make(chan struct{}, 1), byTask: map[string]*Attempt{}}
}

// add is called once for an attempt.
func (s *visibleRuns) add(a *Attempt) {
	s.mu.Lock()
	s.queue = append(s.queue, a)
	s.mu.Unlock()
	select {
	case s.added <- struct{}{}:
	default:
	}
}

// next takes one that still runs; nil when there is none.
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

// done forgets a task. False: it is not a run's.
func (s *visibleRuns) done(task string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ours := s.byTask[task]
	delete(s.byTask, task)
	return ours
}
