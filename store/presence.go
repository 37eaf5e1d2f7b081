package store

import (
	"slices"
	"sync"
	"time"
)

const (
	// goneFor is how long a process that has gone is remembered.
	goneFor = 15 * time.Minute
	// maxGone is the maximum number of remembered processes, the last ones to go.
	maxGone = 100
)

// Gone is a process that is no longer announced: it has ended, was killed, or cannot reach Redis.
type Gone struct {
	Process
	At time.Time // when this process noticed, up to 12 s after a kill
}

// Executes reports whether the process executes runs.
func (p *Process) Executes() bool { return p.Role == "worker" || p.Role == "server" || p.Role == "dev" }

// presence is what this process has seen of the fleet. Safe for concurrent use.
type presence struct {
	mu   sync.Mutex
	live []Process
	gone []Gone // the last ones to go first
}

// update takes over the processes that are live at a time.
func (p *presence) update(live []Process, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	isLive := func(id string) bool { return slices.ContainsFunc(live, func(o Process) bool { return o.ID == id }) }
	for _, was := range p.live {
		if !isLive(was.ID) {
			p.gone = slices.Insert(p.gone, 0, Gone{was, now})
		}
	}
	p.gone = slices.DeleteFunc(p.gone, func(g Gone) bool { return isLive(g.ID) || now.Sub(g.At) > goneFor })
	p.gone = p.gone[:min(len(p.gone), maxGone)]
	p.live = live
}

// Fleet returns the live processes as of the last announcement of this one, the oldest first, and those that have gone within
// 15 minutes, the last one first. It reads memory only. Both are empty for a process that is not announced.
func (s *Store) Fleet() (live []Process, gone []Gone) {
	p := &s.presence
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.live), slices.Clone(p.gone)
}

// Process returns the announcement of this process.
func (s *Store) Process() Process { return s.config.Process }

// Reached returns when Redis last answered this process, which asks it twice a second while Run runs.
func (s *Store) Reached() time.Time { return time.Unix(0, s.current.Load()) }
