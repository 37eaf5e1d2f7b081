package queue

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestModelFailover has Redis go back to an earlier state in the middle of a history, as a
// failover to a replica that lags behind does. Workers and API processes still know what
// Redis has forgotten. Every run that Redis knows ends, an audit finds nothing after each
// step, and nothing is left.
func TestModelFailover(t *testing.T) {
	t.Parallel()
	history := newHistories(t)
	rapid.Check(t, func(t *rapid.T) {
		w := history(t)
		defer w.close()
		f := &failover{world: w}
		f.replicate(t)
		steps := w.steps()
		steps["replicate"] = f.replicate
		t.Repeat(steps)
		f.failOver()
		t.Repeat(map[string]func(*rapid.T){
			"":        f.audit,
			"claim":   f.claim,
			"end":     f.complete,
			"end ":    f.complete,
			"park":    f.park,
			"acquire": f.acquire,
			"journal": f.journal,
			"beat":    f.beat,
			"cancel":  f.cancel,
			"settle":  f.settle,
			"time":    f.pass,
		})
		f.end()
	})
}

// failover is a history with a replica. After failOver the model no longer knows in which
// state the runs are.
type failover struct {
	*world
	replica map[string]replicated
	at      int // when the replica was equal to the master
}

// replicated is a key of the replica.
type replicated struct {
	value string
	ttl   time.Duration // 0: none
}

// replicate makes the replica equal to the master.
func (f *failover) replicate(t *rapid.T) {
	f.t, f.at, f.replica = t, f.now, map[string]replicated{}
	for _, key := range f.allKeys() {
		value, err := f.redis.Dump(f.ctx, key).Result()
		f.must(err)
		f.replica[key] = replicated{value, max(0, f.redis.PTTL(f.ctx, key).Val())}
	}
}

func (f *failover) allKeys() []string {
	keys, err := f.redis.Keys(f.ctx, "*").Result()
	f.must(err)
	return keys
}

// failOver makes the replica the master. All connections break, and with them what was
// being claimed.
func (f *failover) failOver() {
	f.failedOver = true
	f.redis.FlushDB(f.ctx)
	for key, r := range f.replica {
		f.must(f.redis.Restore(f.ctx, key, r.ttl, r.value).Err())
	}
	f.must(older.Run(f.ctx, f.redis, nil, (time.Duration(f.now-f.at) * time.Minute).Milliseconds()).Err())
	for _, m := range f.workers[:2] {
		m.claims.replyLost.Store(true)
	}
}

func (f *failover) audit(t *rapid.T) {
	f.t = t
	faults, _, err := f.client.audit(f.ctx, "default")
	f.must(err)
	if len(faults) > 0 {
		t.Fatalf("audit: %v", faults)
	}
}

func (f *failover) claim(t *rapid.T) {
	f.t = t
	f.claimBy(f.aWorker())
}

func (f *failover) claimBy(m *modelWorker) {
	if err := m.claims.startSession(f.ctx); err != nil {
		f.says("a session", err, errDead)
		return
	}
	for _, c := range m.claims.all {
		reply, err := c.claim(f.ctx)
		if !isNil(err) {
			f.must(err)
		}
		values, _ := reply.([]any)
		for _, a := range newAttempts(values) {
			a.spare = c.list == expressList
			m.inFlight.add(a)
			f.begin(m, a)
		}
	}
}

// anAttempt is one that a living worker executes.
func (f *failover) anAttempt() begunAttempt {
	all := f.executing()
	if len(all) == 0 {
		f.t.Skip("no attempts")
	}
	return all[rapid.IntRange(0, len(all)-1).Draw(f.t, "attempt")]
}

func (f *failover) executing() (all []begunAttempt) {
	for _, a := range f.attempts {
		if (a.by == f.workers[0] || a.by == f.workers[1]) && a.by.inFlight.get(a.task) == a.Attempt {
			all = append(all, a)
		}
	}
	return all
}

func (f *failover) complete(t *rapid.T) {
	f.t = t
	f.completed(f.anAttempt(), Outcome{State: rapid.SampledFrom([]State{Succeeded, Failed}).Draw(t, "outcome"), Output: []byte("[]")})
}

// completed does what Server.work does after an attempt.
func (f *failover) completed(a begunAttempt, o Outcome) {
	f.must(a.by.Server.complete(a.Attempt, o, a.cause))
	if !a.gone.Load() && !a.settled {
		f.must(a.by.Server.settle(f.ctx, []settling{{id: a.ID, visible: a.wasVisible()}}))
	}
	a.by.inFlight.remove(a.Attempt)
}

func (f *failover) park(t *rapid.T) {
	f.t = t
	o := Outcome{State: Waiting}
	if rapid.Bool().Draw(t, "until a moment") {
		o.Wake = time.Now().Add(15 * time.Minute)
	}
	f.completed(f.anAttempt(), o)
}

func (f *failover) acquire(t *rapid.T) {
	f.t = t
	a := f.anAttempt()
	if admission, err := a.Acquire(f.ctx, limitOf()); err == nil && admission != Admitted {
		f.completed(a, Outcome{State: Waiting})
	}
}

// journal records an effect. Its attempt may not be the current one.
func (f *failover) journal(t *rapid.T) {
	f.t = t
	_, _ = f.anAttempt().Journal().(*journal).record(f.ctx, "one", "r")
}

func (f *failover) beat(t *rapid.T) {
	f.t = t
	f.must(f.aWorker().beatOnce(f.ctx))
}

// cancel cancels a run that Redis may not know.
func (f *failover) cancel(t *rapid.T) {
	f.t = t
	_, _ = f.client.Cancel(f.ctx, f.aRun().id, []byte(`{"code":"cancelled"}`))
}

func (f *failover) settle(t *rapid.T) {
	f.t = t
	f.must(f.aWorker().Server.settle(f.ctx, []settling{{id: f.aRun().id, visible: true}}))
}

// end lets everything end, and checks what is left.
func (f *failover) end() {
	for flow, since := range f.pauses {
		_, err := f.client.ResumeFlow(f.ctx, flow, since)
		f.must(err)
	}
	for round := 0; ; round++ {
		live := f.live()
		if len(live) == 0 {
			break
		}
		if round == 60 {
			f.t.Fatalf("I1: runs do not end: %v", live)
		}
		for id, state := range live {
			if state == Waiting && round >= 20 { // it may wait for a callback
				_, _ = f.client.Cancel(f.ctx, id, []byte(`{"code":"cancelled"}`))
			}
		}
		f.round(1)
		f.audit(f.t)
	}
	for range 4 {
		f.round(1)
	}
	for range 2 { // retention
		f.round(300)
		f.workers[0].Server.tidy(f.ctx)
	}
	f.audit(f.t)
	f.empty()
}

// live returns the runs that have not ended.
func (f *failover) live() map[string]State {
	live := map[string]State{}
	for _, r := range f.runs {
		state := State(f.redis.HGet(f.ctx, f.keys.runPrefix()+r.id, "state").Val())
		if state != "" && !state.Terminal() {
			live[r.id] = state
		}
	}
	return live
}

// round lets time pass, and both workers do their work.
func (f *failover) round(ticks int) {
	f.elapse(ticks)
	for _, m := range f.workers[:2] {
		f.must(m.beatOnce(f.ctx))
	}
	for _, m := range f.workers[:2] {
		f.claimBy(m)
	}
	for _, a := range f.executing() {
		f.completed(a, Outcome{State: Succeeded, Output: []byte("[]")})
	}
}
