package queue

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// The steps of the model that keep the queue going: beats, repairs, old runs, and workers that come and go.

// beat is the heartbeat of a worker, with or without the repairs after it.
func (w *world) beat(t *rapid.T) {
	w.t = t
	m := w.aWorker()
	if rapid.IntRange(0, 2).Draw(t, "its worker stops") > 0 {
		w.beatOf(m)
		return
	}
	want := w.beaten(m)
	args := []any{m.cfg.ID, m.claims.session.Load(), m.cfg.Lease.Milliseconds(), repairBatch, m.cfg.capacity()}
	answer, err := beatScript.Run(w.ctx, w.redis, w.keys.slot(), args...).Slice()
	w.must(err)
	due, _ := answer[1].([]any)
	known := len(w.handed)
	for ; len(due) >= 3; due = due[3:] {
		w.handed = append(w.handed, dueRun{due[0].(string), due[1].(string), due[2].(string)})
	}
	got := slices.Clone(w.handed[known:])
	for _, all := range [][]dueRun{got, want} {
		slices.SortFunc(all, func(a, b dueRun) int { return strings.Compare(a.id, b.id) })
	}
	w.says("handed out", got, want)
}

// beatOf sends a heartbeat and repairs.
func (w *world) beatOf(m *modelWorker) {
	var lost []begunAttempt
	for _, a := range w.attempts {
		if a.by == m && m.inFlight.get(a.task) == a.Attempt && !w.byID[a.ID].executes(a.Attempt) {
			lost = append(lost, a)
		}
	}
	due := w.beaten(m)
	w.must(m.beatOnce(w.ctx))
	for _, d := range due {
		w.repaired(d)
	}
	w.busy()
	for _, a := range lost {
		w.says("the cause of an attempt that is not the worker's any more", a.cause, ErrLost)
	}
}

// busy checks that no run is in line while a slot is free.
func (w *world) busy() {
	if w.redis.Exists(w.ctx, w.keys.turns("w"), w.keys.turns("u")).Val() == 0 {
		return
	}
	var slots int64
	_, err := fmt.Sscan(w.redis.Get(w.ctx, w.keys.slots()).Val(), &slots)
	w.must(err)
	flying := w.redis.LLen(w.ctx, w.keys.pending()).Val() + w.redis.LLen(w.ctx, w.keys.express()).Val() + w.redis.ZCard(w.ctx, w.keys.begun()).Val()
	if flying < slots {
		w.t.Fatalf("runs stand in line while %d are in flight for %d slots", flying, slots)
	}
}

// beaten does to the model what the script does, and says what it hands out.
func (w *world) beaten(m *modelWorker) (due []dueRun) {
	heard := m.registered && w.now-m.beaten < modelLease
	if m.registered && !heard {
		for _, other := range w.workers {
			other.beaten = w.now
		}
	}
	m.registered, m.beaten, m.session = true, w.now, max(m.session, m.claims.session.Load())
	if heard {
		for _, other := range w.workers {
			if other.registered && w.now-other.beaten >= modelLease {
				w.unregistered(other)
			}
		}
	}
	for _, r := range w.runs {
		if r.gone || r.settled || r.due > w.now {
			continue
		}
		r.due = w.now + soon
		d := dueRun{r.id, fmt.Sprint(r.fence), ""}
		switch r.state {
		case Queued:
			if w.now > r.deadline {
				d.why = "late"
			}
		case Running:
			if !w.isRegistered(r.worker) {
				d.why = "lost"
			} else if w.now > r.deadline {
				d.why = "late"
			}
		case Waiting:
			d.why = "wake"
		default:
			d.why = "settle"
		}
		if d.why != "" {
			due = append(due, d)
		}
	}
	return due
}

func (w *world) isRegistered(id string) bool {
	return slices.ContainsFunc(w.workers, func(m *modelWorker) bool { return m.cfg.ID == id && m.registered })
}

// unregistered makes the runs of an evicted worker due.
func (w *world) unregistered(m *modelWorker) {
	m.registered, m.session = false, 0
	for _, r := range w.runs {
		if !r.gone && !r.settled && r.worker == m.cfg.ID && (r.state == Running || r.state.Terminal() && !r.stopped) {
			r.due = w.now
		}
	}
}

// repaired does to the model what a repair does: nothing, when the run has moved on.
func (w *world) repaired(d dueRun) {
	r := w.byID[d.id]
	same := r.live() && fmt.Sprint(r.fence) == d.fence
	w.t.Logf("at %d repair run %d (%s): %s of %s", w.now, slices.Index(w.runs, r), r.state, d.why, d.fence)
	switch d.why {
	case "settle":
		w.settled(r)
	case "late":
		if same {
			w.stopped(r, TimedOut)
		}
	case "wake":
		if same && r.state == Waiting {
			w.next(r)
		}
	case "lost":
		switch {
		case !same || r.state != Running:
		case r.crashes == 2:
			w.stopped(r, Failed)
		default:
			r.crashes++
			w.next(r)
		}
	}
}

// repairLate repairs what an earlier beat returned, whatever its state is now.
func (w *world) repairLate(t *rapid.T) {
	w.t = t
	if len(w.handed) == 0 {
		t.Skip("nothing was handed out")
	}
	d := w.handed[rapid.IntRange(0, len(w.handed)-1).Draw(t, "handed out")]
	w.must(w.aWorker().repair(w.ctx, d.id, d.fence, d.why))
	w.repaired(d)
}

func (w *world) tidy(t *rapid.T) {
	w.t = t
	w.tidyBy(w.aWorker())
}

func (w *world) tidyBy(m *modelWorker) {
	if w.history != nil {
		w.tidyArchived(m)
		return
	}
	m.Server.tidy(w.ctx)
	if w.tidier != "" && w.tidier != m.cfg.ID {
		return
	}
	w.tidier = m.cfg.ID
	over := func(r *modelRun) bool { return w.now-r.finished > modelRetention }
	var indexed, gone []*modelRun // the oldest accepted, and the first that were settled
	for _, r := range w.runs {
		if r.settled && !r.gone && len(indexed) < 20 {
			indexed = append(indexed, r)
		}
	}
	for len(w.ended) > 0 && (w.ended[0].gone || over(w.ended[0])) {
		gone, w.ended = append(gone, w.ended[0]), w.ended[1:]
	}
	for _, r := range indexed {
		if over(r) {
			gone = append(gone, r)
		}
	}
	for _, r := range gone {
		r.gone = true
	}
}

// stopWorker hands back what a worker has and takes it out of the registry; another one takes its place.
func (w *world) stopWorker(t *rapid.T) {
	w.t = t
	m := w.aWorker()
	w.startSession(m)
	for _, a := range w.attempts {
		if a.by == m && m.inFlight.get(a.task) == a.Attempt {
			w.must(m.handBack(w.ctx, a.Attempt))
			if r := w.byID[a.ID]; r.executes(a.Attempt) {
				w.next(r)
			}
			m.inFlight.remove(a.Attempt)
		}
	}
	m.deregister(w.ctx)
	m.registered, m.session = false, 0
	w.replace(m)
}

// evict lets the other worker find that one does not beat any more. It may continue later.
func (w *world) evict(t *rapid.T) {
	w.t = t
	other := w.aWorker()
	for range 4 {
		w.elapse(1)
		w.beatOf(other)
	}
}

// killWorker ends a worker without deregistering it; another one takes its place.
func (w *world) killWorker(t *rapid.T) {
	w.t = t
	w.replace(w.aWorker())
}

func (w *world) replace(m *modelWorker) {
	i := slices.Index(w.workers, m)
	w.workers = append(w.workers, m)
	w.workers[i] = w.newWorker()
}
