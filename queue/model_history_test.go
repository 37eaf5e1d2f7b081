package queue

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestModelHistory is TestModel with a history that is away at times. An archiver copies what has ended, and marks it when it comes
// to that; runs are triaged, recalled and erased. No run that was not erased is missing in both, Redis removes only what the
// history has as it is, and a recalled run is the run that it was.
func TestModelHistory(t *testing.T) {
	t.Parallel()
	begin := newHistories(t)
	rapid.Check(t, func(t *rapid.T) {
		w := begin(t)
		defer w.close()
		w.keepHistory()
		steps := w.steps()
		maps.Copy(steps, map[string]func(*rapid.T){
			"copy":   w.copyEnded,
			"copy ":  w.copyEnded,
			"mark":   w.markCopied,
			"triage": w.triage,
			"recall": w.recallRun,
			"forget": w.forgetRun,
			"away":   w.historyAway,
		})
		t.Repeat(steps)
		w.history.fail = nil
		w.end()
		for _, r := range w.runs {
			if _, ok := w.history.runs[r.id]; !ok {
				t.Fatalf("run %s is not in the history", r.id)
			}
		}
	})
}

// modelHistory is the history of a world, and an archiver that has read runs and not marked them yet.
type modelHistory struct {
	fakeHistory
	read     []Archived
	recalled map[*modelRun]int // when
	erased   map[*modelRun]bool
}

func (w *world) keepHistory() {
	w.history = &modelHistory{fakeHistory: fakeHistory{runs: map[string]Archived{}}, recalled: map[*modelRun]int{}, erased: map[*modelRun]bool{}}
	for _, m := range w.workers {
		m.cfg.History = true
	}
}

// historyAway lets the history answer, or not.
func (w *world) historyAway(t *rapid.T) {
	w.t = t
	w.history.fail = nil
	if rapid.Bool().Draw(t, "away") {
		w.history.fail = errors.New("away")
	}
}

// copyEnded copies some of the runs that have ended, without a mark that they were.
func (w *world) copyEnded(t *rapid.T) {
	w.t = t
	w.copySome(rapid.IntRange(1, 4).Draw(t, "runs"))
}

func (w *world) copySome(most int) {
	if w.history.fail != nil {
		return
	}
	read, _, err := w.client.ReadEnded(w.ctx, "default", most)
	w.must(err)
	w.history.read = read
	for _, a := range read {
		if len(a.Record) > 0 && !w.history.erased[w.byID[a.ID]] {
			w.history.runs[a.ID] = a
		}
	}
}

// markCopied marks what was read last, which may have changed since, or was marked before.
func (w *world) markCopied(t *rapid.T) {
	w.t = t
	w.must(w.client.MarkArchived(w.ctx, "default", w.history.read))
}

// triage changes a run after its end.
func (w *world) triage(t *rapid.T) {
	w.t = t
	r := w.aRun()
	err := w.client.SetTriage(w.ctx, r.id, Triage{State: Ignored, Note: fmt.Sprint(w.now, len(w.runs), rapid.IntRange(0, 9).Draw(t, "note"))})
	if failed := r.state == Failed || r.state == TimedOut; r.gone || !failed {
		w.says("triage is refused", err != nil, true)
	} else {
		w.must(err)
	}
}

// recallRun brings a run back that Redis has removed.
func (w *world) recallRun(t *rapid.T) {
	w.t = t
	r := w.aRun()
	w.client.cfg.History = w.history // all other steps know Redis only
	err := w.client.recall(w.ctx, r.id)
	w.client.cfg.History = nil
	a, archived := w.history.runs[r.id]
	switch {
	case !r.gone: // it is there
		w.must(err)
	case w.history.fail != nil:
		w.says("recall from a history that is away", err, w.history.fail)
	case !archived:
		w.t.Fatalf("run %s is in neither", r.id)
	case w.history.erased[r]:
		w.says("recall of an erased run", err, ErrDropped)
	default:
		w.must(err)
		r.gone = false
		w.history.recalled[r] = w.now
		w.says("the recalled run", w.record(r), asArchived(a))
		if r.journal = map[string]string{}; a.Journal != nil {
			r.journal = maps.Clone(a.Journal)
		}
	}
}

// forgetRun erases a run in the history, if it is there, and then in Redis.
func (w *world) forgetRun(t *rapid.T) {
	w.t = t
	r := w.aRun()
	a, archived := w.history.runs[r.id]
	if w.history.fail != nil || !archived && !r.live() {
		return
	}
	if archived {
		w.must(a.Erase())
		w.history.runs[r.id], w.history.erased[r] = a, true
	}
	w.must(w.client.Forget(w.ctx, []string{r.id}))
	if r.settled {
		r.gone = true
	}
}

// record returns what Redis has of a run, but for what only a live one or Redis needs.
func (w *world) record(r *modelRun) map[string]string {
	fields, err := w.redis.HGetAll(w.ctx, w.keys.runPrefix()+r.id).Result()
	w.must(err)
	return lasting(fields)
}

func asArchived(a Archived) map[string]string {
	fields := maps.Clone(a.Record)
	maps.Copy(fields, a.Values)
	return lasting(fields)
}

// lasting leaves out what ends with the run, and the times, which the model moves in Redis only.
func lasting(fields map[string]string) map[string]string {
	maps.DeleteFunc(fields, func(name, _ string) bool {
		return slices.Contains([]string{"turn", "reply", "deadline", "limit", "entered", "gated", "gates", "changed", "recalled", "at", "started", "finished"}, name)
	})
	return fields
}

// tidyArchived has a worker remove old runs. It may remove only what the history has as it is, after the retention.
func (w *world) tidyArchived(m *modelWorker) {
	before := map[*modelRun]map[string]string{}
	for _, r := range w.runs {
		if !r.gone {
			before[r] = w.record(r)
		}
	}
	m.Server.tidy(w.ctx)
	for r, record := range before {
		if n := w.redis.Exists(w.ctx, w.keys.runPrefix()+r.id).Val(); n > 0 {
			continue
		}
		a, archived := w.history.runs[r.id]
		since := r.finished
		if at, recalled := w.history.recalled[r]; recalled {
			since = at
		}
		switch {
		case !r.settled || w.now-since <= modelRetention:
			w.t.Fatalf("run %s was removed before its time", r.id)
		case !archived:
			w.t.Fatalf("run %s was removed, and is not in the history", r.id)
		case !w.history.erased[r]:
			w.says("the history of a removed run", asArchived(a), record)
		}
		r.gone = true
	}
}

// copyAll copies everything that has ended.
func (w *world) copyAll() {
	for {
		w.copySome(1000)
		if len(w.history.read) == 0 {
			return
		}
		w.must(w.client.MarkArchived(w.ctx, "default", w.history.read))
	}
}
