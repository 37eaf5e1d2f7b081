package queue

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/penstock/penstock/flows"
)

// The steps of the model by which events are collected, see Submission.Collect and TestModel.

const (
	modelFor   = 15 // minutes without a further event after which a run begins, and of a batch
	modelMax   = 35 // after the first event, for one of two debounce keys
	modelBatch = 3  // events
)

// modelCollecting is what a modelRun collects.
type modelCollecting struct {
	begun  int      // when the first event came
	until  int      // when no further one is taken
	events []string // of a batch; nil: debounce
}

// modelNewest is what is known of the newest event of a debounce key.
type modelNewest struct {
	run   *modelRun
	key   string // its idempotency key; empty: none
	until int
}

// superseded is the expected reply to an event that comes again after a later one, and whose run was replaced, continued or failed:
// the run of the newest event. Empty: the reply is as for any other submission.
func (w *world) superseded(key string, g *IdempotencyKey) string {
	newest, known := w.newest[key], w.guards[g.Key]
	if w.now >= known.until || known.fingerprint != g.Fingerprint || w.now >= newest.until {
		return ""
	}
	first := w.byID[known.run]
	over := first.resumedBy != nil || g.Failed != AttachToFailed && (first.state == Failed || first.state == TimedOut)
	if first.gone || !over || newest.key == g.Key {
		newest.until = max(newest.until, w.now+int(g.Window/time.Minute))
		w.newest[key] = newest
		return ""
	}
	run := newest.run
	if run.gone {
		return "ran" + run.id
	}
	for run.resumedBy != nil && !run.resumedBy.gone {
		run = run.resumedBy
	}
	return run.id
}

// remember notes the newest event of a debounce key.
func (w *world) remember(key string, r *modelRun, g *IdempotencyKey) {
	newest := modelNewest{run: r, until: w.newest[key].until}
	if g != nil {
		newest.key, newest.until = g.Key, max(newest.until, w.now+int(g.Window/time.Minute))
	}
	w.newest[key] = newest
}

// collecting tells whether a run takes further events, or would if its time had not come.
func (r *modelRun) collecting() bool {
	return r.collects != nil && r.state == Waiting && r.fence == 0 && !r.gone
}

func (w *world) debounce(t *rapid.T) {
	w.t = t
	key, d := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "debounce key"), flows.Debounce{For: modelFor * time.Minute}
	if key == "a" {
		d.Max = modelMax * time.Minute
	}
	w.collect(t, Collecting{debounce: &d, key: key}, func(r, open *modelRun) *modelRun {
		begun := w.now
		if open != nil {
			begun = open.collects.begun
			open.resumedBy = r
			w.stopped(open, Cancelled)
			w.settled(open)
		}
		r.due = w.now + modelFor
		if d.Max > 0 {
			r.due = min(r.due, begun+modelMax)
		}
		r.collects = &modelCollecting{begun: begun, until: r.due}
		w.add(r)
		return r
	})
}

func (w *world) batch(t *rapid.T) {
	w.t = t
	b := flows.Batch{Size: modelBatch, Within: modelFor * time.Minute}
	w.collect(t, Collecting{batch: &b, key: rapid.SampledFrom([]string{"c", "d"}).Draw(t, "batch key")}, func(r, open *modelRun) *modelRun {
		event := r.id
		if open != nil {
			r = open
		} else {
			r.due = w.now + modelFor
			r.collects = &modelCollecting{until: r.due}
			w.add(r)
		}
		if r.collects.events = append(r.collects.events, event); len(r.collects.events) == modelBatch {
			w.next(r)
		}
		return r
	})
}

// collect submits an event, perhaps twice. take takes it into the model: r is a run for it, open the one that collects events of
// its key, or nil. It returns the run that has the event.
func (w *world) collect(t *rapid.T, c Collecting, take func(r, open *modelRun) *modelRun) {
	s := Submission{Spec: spec(), Collecting: &c}
	s.ID, s.Version, s.Flow, s.Sync, s.Limit = NewRunID("default"), fmt.Sprint("v", len(w.runs)), 3, false, modelLimit*time.Minute
	want, run := "", (*modelRun)(nil)
	w.replaced = nil
	if key := rapid.SampledFrom([]string{"", "", "x", "y"}).Draw(t, "key"); key != "" {
		failed := rapid.SampledFrom([]Repetition{AttachToFailed, RunAgain, TellFailed}).Draw(t, "failed")
		s.IdempotencyKey = &IdempotencyKey{Key: key, Fingerprint: rapid.SampledFrom([]string{"f", "f", "g"}).Draw(t, "payload"), Window: modelWindow * time.Minute, Failed: failed}
		if c.debounce != nil {
			want = w.superseded(c.key, s.IdempotencyKey)
		}
		if want == "" {
			want = w.guarded(s.IdempotencyKey, s.ID)
		}
	}
	if want == "" {
		open := w.open[c.key]
		if open != nil && (!open.collecting() || w.now >= open.collects.until) {
			open = nil
		}
		run = take(&modelRun{id: s.ID, version: s.Version, flow: s.Flow, state: Waiting, deadline: never, limit: modelLimit}, open)
		w.open[c.key], want = run, run.id
		if g := s.IdempotencyKey; g != nil {
			w.guards[g.Key] = modelKey{run.id, g.Fingerprint, w.guards[g.Key].until}
		}
		if c.debounce != nil {
			w.remember(c.key, run, s.IdempotencyKey)
			if w.replaced != nil {
				w.replaced.resumedBy = run
			}
		}
	}
	for i := range rapid.IntRange(1, 2).Draw(t, "calls") {
		if i > 0 && rapid.Bool().Draw(t, "claimed meanwhile") {
			w.claim(t)
		}
		got, ticket, _ := w.send(s, false)
		if ticket != nil {
			if got = ticket.RunID(); c.debounce != nil {
				w.says("attached to an earlier run", ticket.Attached(), got != s.ID)
			}
			ticket.Close()
		}
		w.says(fmt.Sprintf("collect an event for %s, call %d", c.key, i+1), got, want)
	}
}

// checkCollecting holds what is stored of runs that collect events against the model.
func (w *world) checkCollecting() {
	want := []string{}
	for _, r := range w.runs {
		if r.collecting() {
			want = append(want, r.id)
		}
	}
	slices.Sort(want)
	for _, set := range []string{w.keys.collecting(), w.keys.ours + "gated:3"} {
		got, err := w.redis.SMembers(w.ctx, set).Result()
		w.must(err)
		if set != w.keys.collecting() { // runs at a concurrency limit are in it, too
			got = slices.DeleteFunc(got, func(id string) bool { return !slices.Contains(want, id) })
		}
		slices.Sort(got)
		w.says(set, got, want)
	}
}

// hasEvents holds the event of a run that begins against what it has collected.
func (w *world) hasEvents(a *Attempt) {
	r := w.byID[a.ID]
	if r.collects == nil || r.collects.events == nil {
		w.says("the event", string(a.Event), string(spec().Event))
		return
	}
	var batch struct{ Events []batchEntry }
	w.must(json.Unmarshal(a.Event, &batch))
	got := []string{}
	for _, e := range batch.Events {
		got = append(got, e.ID)
	}
	want := r.collects.events
	if w.failedOver { // the later ones are lost
		want = want[:min(len(got), len(want))]
	}
	w.says("the events", got, want)
}
