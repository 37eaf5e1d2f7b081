package queue

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/penstock/penstock/flows"
)

// The steps of the model that attempts make: see TestModel.

// finish is the end of an attempt that executes, was overtaken, or has ended before.
func (w *world) finish(t *rapid.T) {
	w.t = t
	a, r := w.anAttempt()
	o := Outcome{State: rapid.SampledFrom([]State{Succeeded, Succeeded, Failed}).Draw(t, "outcome"), Output: []byte(fmt.Sprintf("[%d]", len(w.attempts)))}
	for range rapid.IntRange(1, 2).Draw(t, "calls") {
		want := r.executes(a.Attempt) || !r.gone && r.state.Terminal() && r.fence == a.Number
		if r.executes(a.Attempt) {
			r.state, r.output, r.finished = o.State, string(o.Output), w.now
			if !r.waited && !r.limited {
				w.settled(r) // complete did it
			}
		}
		ours, err := a.by.Server.finish(a.Attempt, o)
		w.must(err)
		w.says("finish", ours, want)
	}
	w.handBack(a, rapid.Bool().Draw(t, "settles") && r.state.Terminal())
}

// handBack does what a worker does after an attempt.
func (w *world) handBack(a begunAttempt, settles bool) {
	a.by.releaseLimits(a.Attempt)
	w.released(a)
	a.by.inFlight.remove(a.Attempt)
	if settles {
		w.settleRuns(a.by, a.wasVisible(), []*modelRun{w.byID[a.ID]})
	}
}

func (w *world) settle(t *rapid.T) {
	w.t = t
	w.settleRuns(w.aWorker(), true, []*modelRun{w.aRun(), w.aRun()})
}

func (w *world) settleRuns(m *modelWorker, visible bool, runs []*modelRun) {
	var batch []settling
	for _, r := range runs {
		batch = append(batch, settling{id: r.id, visible: visible})
		w.settled(r)
	}
	w.must(m.Server.settle(w.ctx, batch))
}

// settled records that a run that has ended was settled.
func (w *world) settled(r *modelRun) {
	if !r.gone && !r.settled && r.state.Terminal() {
		r.settled = true
		w.ended = append(w.ended, r)
	}
}

func (w *world) park(t *rapid.T) {
	w.t = t
	a, r := w.anAttempt()
	minutes := rapid.SampledFrom([]int{0, 15, never}).Draw(t, "minutes")
	o := Outcome{State: Waiting}
	if minutes != never {
		o.Wake = time.Now().Add(time.Duration(minutes) * time.Minute)
	}
	steps := rapid.Bool().Draw(t, "steps")
	if steps {
		o.Steps = []byte("{}")
	}
	if rapid.Bool().Draw(t, "retries") {
		o.Retry = &RetryPlan{Retry{Attempts: 3}, &flows.Resumption{Remove: []string{"one"}, Set: map[string][]byte{"two": []byte("again")}}}
	}
	for range rapid.IntRange(1, 2).Draw(t, "calls") {
		want := r.executes(a.Attempt) || !r.gone && r.state == Waiting && r.fence == a.Number
		if r.executes(a.Attempt) {
			if o.Retry != nil {
				delete(r.journal, "one")
				r.journal["two"] = "ragain"
			}
			r.state, r.due, r.inside = Waiting, w.now+minutes, false
			if r.called {
				r.due, r.called = w.now, false
			}
			r.steps = r.steps || steps
			if o.Retry == nil || !r.waited { // a caller's time goes on
				r.limit, r.deadline = max(1, r.deadline-w.now), never
			}
		}
		ours, err := a.by.Server.park(w.ctx, a.Attempt, o)
		w.must(err)
		w.says("park", ours, want)
	}
	w.handBack(a, false)
}

// limitOf returns the concurrency limit of all flows together.
func limitOf() ConcurrencyLimit { return ConcurrencyLimit{Key: "g", Max: 1, WhenFull: WhenFullWait} }

// acquire requests a place. The model does not say which run becomes a holder, only that
// no more than the limit are.
func (w *world) acquire(t *rapid.T) {
	w.t = t
	a, r := w.anAttempt()
	was := *r
	r.limited = r.limited || was.executes(a.Attempt)
	admission, err := a.Acquire(w.ctx, limitOf())
	switch {
	case err != nil:
		if !errors.Is(err, ErrLost) || was.executes(a.Attempt) {
			t.Fatalf("enter: %v", err)
		}
	case admission == Admitted:
		w.says("enter of an attempt that executes", was.executes(a.Attempt), true)
		r.entered, r.inside = true, true
		n := 0
		for _, other := range w.runs {
			if other.state == Running && other.inside {
				n++
			}
		}
		if n > limitOf().Max {
			t.Fatalf("%d runs are inside a gate for %d", n, limitOf().Max)
		}
		return
	case was.state == Waiting && was.fence == a.Number: // a repeated call
	default:
		w.says("enter of an attempt that executes", was.executes(a.Attempt), true)
		r.state = Waiting
		switch {
		case r.entered:
			r.limit, r.deadline = max(1, r.deadline-w.now), never
		case r.limit > 0:
			r.deadline = never
		}
		r.due = w.lookAt(r)
	}
	w.woken()
	w.handBack(a, false)
}

// woken adopts which waiting runs acquire has made due.
func (w *world) woken() {
	for _, r := range w.runs {
		if r.live() && r.state == Waiting && w.redis.ZScore(w.ctx, w.keys.due(), r.id).Val() == 0 {
			r.due = w.now
		}
	}
}

// released does what release.lua does beyond the limit itself: it wakes the next run.
func (w *world) released(a begunAttempt) {
	if len(a.limits) == 0 {
		return
	}
	if r := w.byID[a.ID]; r.state != Running && r.state != Queued {
		r.inside = false
	}
	w.adopt()
}

// adopt takes over which parked runs were woken where the model leaves it open: those
// move on by one attempt, or not at all.
func (w *world) adopt() {
	for _, r := range w.runs {
		if r.gone || r.state != Waiting {
			continue
		}
		v, err := w.redis.HMGet(w.ctx, w.keys.runPrefix()+r.id, "state", "fence").Result()
		w.must(err)
		if v[0] == string(Queued) && v[1] == fmt.Sprint(r.fence+1) {
			w.next(r)
		}
	}
}

// next moves a run to its next attempt.
func (w *world) next(r *modelRun) {
	r.state, r.fence, r.inside, r.due = Queued, r.fence+1, false, w.lookAt(r)
}

// lookAt is when the reconciler looks at a run next: soon, or now if its deadline is over.
func (w *world) lookAt(r *modelRun) int {
	if r.deadline < w.now {
		return w.now
	}
	return w.now + soon
}

func (w *world) parkIfPaused(t *rapid.T) {
	w.t = t
	a, r := w.anAttempt()
	since, paused := w.pauses[r.flow]
	if !paused || w.resumed[r.flow] && rapid.Bool().Draw(t, "pause again") {
		w.pausesMade++
		since = time.UnixMilli(int64(w.pausesMade))
		w.pauses[r.flow], w.resumed[r.flow] = since, false
	}
	for range rapid.IntRange(1, 2).Draw(t, "calls") {
		var want Admission
		lost := false
		switch {
		case !r.gone && r.state == Waiting && r.fence == a.Number && r.held:
			want = Deferred // a repeated call
		case !r.executes(a.Attempt):
			want, lost = Rejected, true
		case r.steps || w.resumed[r.flow]:
			want = Admitted
		default:
			want = Deferred
			r.state, r.held, r.inside = Waiting, true, false
			if r.limit > 0 {
				r.deadline = never
			}
			r.due = w.lookAt(r)
		}
		got, err := a.ParkIfPaused(w.ctx, since)
		w.says("park_paused", []any{got, errors.Is(err, ErrLost)}, []any{want, lost})
		if want == Admitted {
			return
		}
	}
	w.handBack(a, false)
}

func (w *world) resumeFlow(t *rapid.T) {
	w.t = t
	flow := int64(rapid.IntRange(1, 3).Draw(t, "flow"))
	if _, paused := w.pauses[flow]; paused {
		w.flowResumed(flow)
	}
}

func (w *world) flowResumed(flow int64) {
	_, err := w.client.ResumeFlow(w.ctx, flow, w.pauses[flow])
	w.must(err)
	w.resumed[flow] = true
	for _, r := range w.runs {
		if r.flow == flow && r.held {
			if r.held = false; r.live() && r.state == Waiting {
				w.next(r)
			}
		}
	}
}

// journal records an effect: the start of one that happens once, or a result.
func (w *world) journal(t *rapid.T) {
	w.t = t
	a, r := w.anAttempt()
	key := rapid.SampledFrom([]string{"one", "two"}).Draw(t, "step")
	what := rapid.SampledFrom([]string{"s", "r"}).Draw(t, "kind") + fmt.Sprint(len(w.attempts))
	j := a.Journal().(*journal)
	known, err := j.record(w.ctx, key, what)
	if !r.executes(a.Attempt) {
		w.says("I6: a stale write is lost", errors.Is(err, ErrLost), true)
		return
	}
	w.must(err)
	w.says("I3: what is known of the effect", known, r.journal[key])
	if !strings.HasPrefix(r.journal[key], "r") {
		r.journal[key] = what
	}
}

func (w *world) respond(t *rapid.T) {
	w.t = t
	a, r := w.anAttempt()
	err := a.Respond(w.ctx, flows.Response{Items: []byte("[1]")})
	w.says("I6: respond", err == nil, r.executes(a.Attempt))
	r.early = r.early || err == nil
}
