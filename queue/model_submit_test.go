package queue

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/penstock/penstock/flows"
)

// The steps of the model that API processes make: see TestModel.

func (w *world) submit(t *rapid.T) {
	w.t = t
	s := Submission{Spec: spec()}
	s.Flow, s.Sync = int64(rapid.IntRange(1, 3).Draw(t, "flow")), rapid.Bool().Draw(t, "waited")
	s.ID, s.Version, s.Limit = NewRunID("default"), fmt.Sprint("v", len(w.runs)), modelLimit*time.Minute
	if s.Flow == 2 {
		s.Share, s.FairKey = 20, rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "fair key")
	}
	want := ""
	w.replaced = nil
	if key := rapid.SampledFrom([]string{"", "", "x", "y"}).Draw(t, "key"); key != "" {
		s.IdempotencyKey = &IdempotencyKey{Key: key, Fingerprint: rapid.SampledFrom([]string{"f", "f", "f", "g"}).Draw(t, "payload")}
		minutes := rapid.SampledFrom([]int{modelWindow, 10 * modelWindow}).Draw(t, "window")
		s.IdempotencyKey.Window = time.Duration(minutes) * time.Minute
		s.IdempotencyKey.Reject = rapid.IntRange(0, 9).Draw(t, "refuse") == 0
		s.IdempotencyKey.Failed = rapid.SampledFrom([]Repetition{AttachToFailed, RunAgain, TellFailed}).Draw(t, "failed")
		want = w.guarded(s.IdempotencyKey, s.ID)
	}
	lost := rapid.Bool().Draw(t, "the answer is lost")
	got, ticket, again := w.send(s, lost)
	w.says("submit", got, want)
	if got == "" {
		r := &modelRun{id: s.ID, version: s.Version, flow: s.Flow, waited: s.Sync, state: Queued, fence: 1, due: w.now + soon, deadline: never, ticket: ticket}
		if w.replaced != nil {
			w.replaced.resumedBy = r
		}
		if r.limit = modelLimit; r.waited {
			r.deadline, r.limit = w.now+modelLimit, 0
		}
		w.add(r)
	} else if ticket != nil {
		ticket.Close()
	}
	if !lost {
		return
	}
	if rapid.Bool().Draw(t, "claimed meanwhile") {
		w.claim(t)
	}
	w.says("submit again", again(), want)
}

func (w *world) add(r *modelRun) {
	r.journal = map[string]string{}
	w.runs, w.byID[r.id] = append(w.runs, r), r
}

// send submits; again is the call that is repeated when the answer was lost.
func (w *world) send(s Submission, lost bool) (answer string, ticket *Ticket, again func() string) {
	if !lost {
		ticket, err := w.client.Submit(w.ctx, s)
		var ran *RanError
		var failed *FailedError
		var resumed *ResumedError
		switch {
		case errors.As(err, &failed):
			return "failed" + failed.Run, nil, nil
		case errors.As(err, &resumed):
			return "resumed" + resumed.By, nil, nil
		case errors.Is(err, ErrNotFound):
			return "gone", nil, nil
		case errors.Is(err, ErrMoved):
			return "moved", nil, nil
		case errors.As(err, &ran):
			return "ran" + ran.Run, nil, nil
		case errors.Is(err, ErrReplayed):
			return "replayed", nil, nil
		case errors.Is(err, ErrMismatch):
			return "mismatch", nil, nil
		}
		w.must(err)
		if ticket.Attached() {
			return ticket.RunID(), ticket, nil
		}
		return "", ticket, nil
	}
	q, err := w.client.queueState(w.ctx, "default")
	w.must(err)
	sub := &submission{}
	w.must(w.client.compose(w.ctx, q, sub, &s))
	ticket = w.client.waiters.add(w.client, q, s.ID)
	call := func(repeated bool) string {
		answers, err := w.client.send(w.ctx, q, []*submission{sub}, repeated)
		w.must(err)
		return answers[0]
	}
	return call(false), ticket, func() string { return call(true) }
}

// guarded is the expected reply to a submission with an idempotency key; "": it is a new run.
func (w *world) guarded(g *IdempotencyKey, id string) string {
	w.replaced = nil
	known, held := w.guards[g.Key]
	if held && w.now < known.until {
		first := w.byID[known.run]
		switch {
		case known.fingerprint != g.Fingerprint:
			return "mismatch"
		case g.Reject:
			return "replayed"
		case first.gone:
			return "ran" + first.id
		}
		for first.resumedBy != nil && !first.resumedBy.gone {
			first = first.resumedBy
		}
		if first.state != Failed && first.state != TimedOut || g.Failed == AttachToFailed {
			return first.id
		}
		if g.Failed == TellFailed {
			return "failed" + first.id
		}
		w.replaced = first
	}
	w.guards[g.Key] = modelKey{id, g.Fingerprint, w.now + int(g.Window/time.Minute)}
	return ""
}

// read reads a run with which it may be resumed later.
func (w *world) read(t *rapid.T) {
	w.t = t
	if r := w.aRun(); !r.gone {
		record, err := w.client.Record(w.ctx, r.id)
		w.must(err)
		w.records = append(w.records, record)
	}
}

// resume continues a run as it was when it was read.
func (w *world) resume(t *rapid.T) {
	w.t = t
	if len(w.records) == 0 {
		t.Skip("no run was read")
	}
	record := w.records[rapid.IntRange(0, len(w.records)-1).Draw(t, "record")]
	r := w.byID[record.ID]
	s := Submission{Spec: spec()}
	s.ID, s.Version, s.Flow, s.Sync, s.Limit = NewRunID("default"), r.version, r.flow, true, modelLimit*time.Minute
	var plan flows.Resumption
	if rapid.Bool().Draw(t, "removes") {
		plan.Remove = []string{"one"}
	}
	if rapid.Bool().Draw(t, "assumes") {
		plan.Set = map[string][]byte{"two": []byte("assumed")}
	}
	record.Resume(&s, &plan)
	want := ""
	switch {
	case r.gone:
		want = "gone"
	case r.live() || r.state == Succeeded || r.fence != record.fence:
		want = "moved"
	case r.resumedBy != nil:
		want = "resumed" + r.resumedBy.id
	}
	lost := rapid.Bool().Draw(t, "the answer is lost")
	got, ticket, again := w.send(s, lost)
	w.says("resume", got, want)
	if got != "" {
		if ticket != nil {
			ticket.Close()
		}
		return
	}
	r.resumedBy = &modelRun{
		id: s.ID, version: s.Version, flow: s.Flow, waited: true, state: Queued, fence: r.fence + 1, due: w.now + soon, deadline: w.now + modelLimit, ticket: ticket,
		collects: r.collects, // it has the same event
	}
	w.add(r.resumedBy)
	r.resumedBy.journal, r.journal = r.journal, map[string]string{}
	for _, key := range plan.Remove {
		delete(r.resumedBy.journal, key)
	}
	for key, result := range plan.Set {
		r.resumedBy.journal[key] = "r" + string(result)
	}
	if lost {
		w.says("resume again", again(), "")
	}
}

func (w *world) submitDelayed(t *rapid.T) {
	w.t = t
	s := Submission{Spec: spec()}
	s.ID, s.Version, s.Sync, s.Limit = NewRunID("default"), fmt.Sprint("v", len(w.runs)), false, modelLimit*time.Minute
	for range rapid.IntRange(1, 2).Draw(t, "calls") {
		id, err := w.client.Start(w.ctx, s, time.Now().Add(15*time.Minute))
		w.must(err)
		w.says("submit_delayed", id, s.ID)
	}
	w.add(&modelRun{id: s.ID, version: s.Version, flow: s.Flow, state: Waiting, due: w.now + 15, deadline: never, limit: modelLimit})
}

func (w *world) call(t *rapid.T) {
	w.t = t
	r, key := w.aRun(), rapid.SampledFrom([]string{"one", "two"}).Draw(t, "step")
	var want error
	called := r
	for !r.gone && !r.live() && r.resumedBy != nil {
		r = r.resumedBy
	}
	switch {
	case r.gone:
		want = ErrNotFound
	case !r.live():
		want = ErrOver
	case strings.HasPrefix(r.journal[key], "r"):
		want = ErrCalled
	default:
		r.journal[key] = "rcalled"
		if r.state == Waiting {
			w.next(r)
		} else {
			r.called = true
		}
	}
	w.says("call", w.client.Call(w.ctx, called.id, key, []byte("called")), want)
}

func (w *world) cancel(t *rapid.T) {
	w.t = t
	w.cancelRun(w.aRun())
}

func (w *world) cancelRun(r *modelRun) {
	had, err := w.client.Cancel(w.ctx, r.id, []byte(`{"code":"cancelled"}`))
	if r.gone {
		w.says("cancel", err, ErrNotFound)
		return
	}
	w.must(err)
	w.says("cancel", had, r.state)
	w.stopped(r, Cancelled)
}

// stopped ends a run from outside.
func (w *world) stopped(r *modelRun, state State) {
	if r.live() {
		r.state, r.fence, r.stopped, r.finished, r.due, r.inside = state, r.fence+1, true, w.now, w.now, false
	}
}
