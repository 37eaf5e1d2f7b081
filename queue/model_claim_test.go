package queue

import (
	"slices"

	"pgregory.net/rapid"
)

// The steps of the model by which tasks reach workers: see TestModel.

// claim takes what is there, as a claimer does between two waits.
func (w *world) claim(t *rapid.T) {
	w.t = t
	m := w.aWorker()
	c := m.claims.all[rapid.IntRange(0, 1).Draw(t, "list")]
	if w.startSession(m) {
		w.take(m, c, rapid.IntRange(0, 4).Draw(t, "the answer is lost") == 0)
	}
}

// startSession starts a session if a reply was lost, and delivers the attempts of the lost
// reply again. False: the worker was declared dead, and has to beat first.
func (w *world) startSession(m *modelWorker) bool {
	if !m.lost {
		return true
	}
	if m.session == 0 {
		w.says("a session of a dead worker", m.claims.startSession(w.ctx), errDead)
		return false
	}
	var want []string
	for _, r := range w.runs {
		task := taskID(r.id, r.fence)
		if r.live() && r.state == Running && r.worker == m.cfg.ID && m.inFlight.get(task) == nil {
			want = append(want, task)
		}
	}
	before := len(w.attempts)
	w.must(m.claims.startSession(w.ctx))
	m.lost, m.session = false, m.claims.session.Load()
	var got []string
	for _, a := range w.attempts[before:] {
		got = append(got, a.task)
	}
	slices.Sort(want)
	slices.Sort(got)
	w.says("begun again", got, want)
	return true
}

// take calls claim.lua. The model reads the lists: in which order runs come is not its matter.
func (w *world) take(m *modelWorker, c *claimer, lost bool) {
	most := max(0, min(c.free(), m.cfg.Prefetch))
	tasks := append(w.list(c.inbox), w.list(c.source)...)
	reply, err := c.claim(w.ctx)
	if !isNil(err) {
		w.must(err)
	}
	if m.session == 0 || m.claims.session.Load() < m.session {
		if _, took := reply.([]any); took {
			w.t.Fatalf("a worker with session %d of %d took %v", m.claims.session.Load(), m.session, reply)
		}
		return
	}
	var want []string
	for _, task := range tasks {
		if r := w.byID[task[:idLen]]; len(want) < most && r != nil && r.state == Queued && task == taskID(r.id, r.fence) {
			want = append(want, task)
			r.state, r.worker = Running, m.cfg.ID
			if r.deadline == never {
				r.deadline = w.now + r.limit
			}
		}
	}
	values, _ := reply.([]any)
	var got []string
	for _, a := range newAttempts(values) {
		got = append(got, a.task)
		if lost {
			continue
		}
		a.spare = c.list == expressList
		m.inFlight.add(a)
		w.begin(m, a)
	}
	w.says("claim", got, want)
	if lost {
		m.lost = true
		m.claims.replyLost.Store(true)
	}
}

// list has the tasks of a list, the next one first.
func (w *world) list(key string) []string {
	all, err := w.redis.LRange(w.ctx, key, 0, -1).Result()
	w.must(err)
	slices.Reverse(all)
	return all
}

// lateClaim is a claim of an earlier session, which reaches Redis late: it takes nothing.
func (w *world) lateClaim(t *rapid.T) {
	w.t = t
	m := w.aWorker()
	list := rapid.SampledFrom([]string{pendingList, expressList}).Draw(t, "list")
	reply, err := claimScript.Run(w.ctx, w.redis, w.keys.slot(), m.cfg.ID, max(0, m.session-1), list, 8, 0).Result()
	if !isNil(err) {
		w.must(err)
	}
	if _, took := reply.([]any); took {
		t.Fatalf("a claim of an earlier session took %v", reply)
	}
}

// strand leaves a task in a worker's inbox, as a wait whose worker goes away does.
func (w *world) strand(t *rapid.T) {
	w.t = t
	c := w.aWorker().claims.all[rapid.IntRange(0, 1).Draw(t, "list")]
	if c.registeredAt(w) {
		w.redis.LMove(w.ctx, c.source, c.inbox, "right", "left")
	}
}

// registeredAt reports whether the claimer's worker is in the registry: what one
// takes that is not comes back when it claims again.
func (r *claimer) registeredAt(w *world) bool {
	for _, m := range w.workers[:2] {
		if m.claims == r.claims {
			return m.registered
		}
	}
	return false
}

// redeliver has asynq deliver a task once more, as it does when it takes its worker for dead.
func (w *world) redeliver(t *rapid.T) {
	w.t = t
	a, r := w.anAttempt()
	if r.gone {
		return
	}
	if r.state == Running && r.fence == a.Number {
		w.redis.LRem(w.ctx, w.keys.active(), 0, a.task)
	}
	w.redis.LPush(w.ctx, w.keys.pending(), a.task)
}
