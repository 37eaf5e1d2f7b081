package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
)

// fakeHistory is a History in memory. It belongs to one goroutine.
type fakeHistory struct {
	runs  map[string]Archived
	fail  error
	calls int // of ReadAll
}

func (h *fakeHistory) Read(_ context.Context, id string) (*Archived, error) {
	a, ok := h.runs[id]
	if h.fail != nil {
		return nil, h.fail
	}
	if !ok {
		return nil, ErrNotFound
	}
	return &a, nil
}

func (h *fakeHistory) ReadAll(ctx context.Context, ids []string) (found []Archived, err error) {
	h.calls++
	for _, id := range ids {
		a, err := h.Read(ctx, id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		without := *a
		without.Values = nil
		found = append(found, without)
	}
	return found, nil
}

func (h *fakeHistory) List(_ context.Context, l List) (runs []Archived, reached *Place, err error) {
	var all []Archived
	for _, a := range h.runs {
		r, err := a.Decode()
		if err != nil {
			return nil, nil, err
		}
		if l.behind(r.Place()) && !slices.ContainsFunc(l.Where, func(c Condition) bool { return c.Field == "state" && !slices.Contains(c.Values, string(r.State)) }) {
			a.Values = nil
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b Archived) int {
		r, _ := a.Decode()
		o, _ := b.Decode()
		if l.Oldest {
			return r.Place().compare(o.Place())
		}
		return o.Place().compare(r.Place())
	})
	if len(all) > l.Most {
		all = all[:l.Most]
		r, _ := all[l.Most-1].Decode()
		return all, &Place{At: r.ListedAt, ID: r.ID}, h.fail
	}
	return all, nil, h.fail
}

// newHistoryQueue is a testQueue whose client has a history.
func newHistoryQueue(t *testing.T) (*testQueue, *fakeHistory) {
	t.Helper()
	r := newTestQueue(t, testenv.Redis(t).URL())
	h := &fakeHistory{runs: map[string]Archived{}}
	r.client.cfg.History = h
	return r, h
}

// archive copies what has ended to the history, and removes it from Redis.
func (r *testQueue) archive(h *fakeHistory) {
	r.t.Helper()
	ctx := r.t.Context()
	r.nothingLeft()
	runs, rest, err := r.client.ReadEnded(ctx, "default", 1000)
	if err != nil || rest != 0 {
		r.t.Fatalf("%d are left, %v", rest, err)
	}
	for _, a := range runs {
		if len(a.Record) > 0 {
			h.runs[a.ID] = a
		}
	}
	if err := r.client.MarkArchived(ctx, "default", runs); err != nil {
		r.t.Fatal(err)
	}
	if err := tidyScript.Run(ctx, r.redis, keysOf("default").slot(), "w", -1000, 1000, 1000, "1").Err(); err != nil {
		r.t.Fatal(err)
	}
}

// stored reports whether Redis has a run.
func (r *testQueue) stored(id string) bool {
	return r.redis.Exists(r.t.Context(), keysOf("default").runPrefix()+id).Val() == 1
}

// failAfterEffect fails each attempt after an effect.
func failAfterEffect(ctx context.Context, a *Attempt) Outcome {
	_, _ = a.recordEntry(ctx, "effect", `r"done"`)
	return Outcome{State: Failed, Error: &flows.Error{Code: flows.CodeTimeout, Step: "crm", Message: "503"}}
}

// A run that only the history has is read, listed, waited for, cancelled, triaged, replayed and continued as one that Redis has.
func TestARunOfTheHistoryIsARun(t *testing.T) {
	t.Parallel()
	r, h := newHistoryQueue(t)
	ctx := t.Context()
	stop := r.worker(failAfterEffect)
	s := Submission{Spec: spec(), IdempotencyKey: &IdempotencyKey{Key: "k", Window: time.Hour}}
	s.Headers = map[string]string{"x-a": "b"}
	ticket := r.submit(s)
	id := ticket.RunID()
	r.wait(ticket)
	before, err := r.client.Record(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	r.archive(h)
	if r.stored(id) {
		t.Fatal("Redis still has the run")
	}
	after, err := r.client.Record(ctx, id)
	if err != nil || fmt.Sprintf("%s %v %+v %v", after.Event, after.Headers, after.Error, after.Times.Finished) != fmt.Sprintf("%s %v %+v %v", before.Event, before.Headers, before.Error, before.Times.Finished) {
		t.Errorf("the run is\n%+v, %v; it was\n%+v", after, err, before)
	}
	labelled := h.runs[id]
	labelled.Record["labels"] = `{"order":"17"}`
	if err := r.client.recall(ctx, id); err != nil {
		t.Fatal(err)
	}
	r.redis.HDel(ctx, keysOf("default").runPrefix()+id, "labels") // as a run that Redis has not removed yet
	if _, _, err := r.client.List(ctx, List{Labels: map[string]string{"order": "17"}}, func(r *Record) {
		if r.Labels["order"] != "17" {
			t.Errorf("a run that both have is listed with the labels %v", r.Labels)
		}
	}); err != nil {
		t.Error(err)
	}
	r.archive(h)
	if ids, more := r.list(List{}); more || !slices.Equal(ids, []string{id}) {
		t.Errorf("listed are %v, %v", ids, more)
	}
	again := r.submit(s)
	if again.RunID() != id || r.wait(again).State != Failed {
		t.Errorf("the key's run is %s, and it %s; want that of the history", again.RunID(), r.wait(again).State)
	}
	r.archive(h)
	if state, err := r.client.Cancel(ctx, id, []byte(`{}`)); state != Failed || err != nil {
		t.Errorf("cancelled: %s, %v", state, err)
	}
	r.archive(h)
	if err := r.client.Call(ctx, id, "step", []byte(`1`)); !errors.Is(err, ErrOver) {
		t.Errorf("a callback: %v", err)
	}
	r.archive(h)
	if err := r.client.SetTriage(ctx, id, Triage{State: Ignored}); err != nil {
		t.Errorf("triage: %v", err)
	}
	r.archive(h)
	if r.stored(id) {
		t.Error("Redis keeps a run whose change the history has")
	}
	if got, err := r.client.Record(ctx, id); err != nil || got.TriageState() != Ignored {
		t.Errorf("its triage state in the history is %q, %v", got.TriageState(), err)
	}
	stop()
	r.worker(echo)
	record, err := r.client.Record(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := r.client.Journal(ctx, &record)
	if err != nil || len(entries) != 1 || string(entries[0].Result) != `"done"` {
		t.Errorf("its journal is %s, %v", entries, err)
	}
	r.archive(h)
	next := Submission{Spec: spec()}
	record.Resume(&next, &flows.Resumption{})
	continued := r.submit(next)
	if got := r.wait(continued); got.State != Succeeded {
		t.Errorf("the run that continues it %s", got.State)
	}
	journal := r.redis.HGetAll(ctx, keysOf("default").journalPrefix()+continued.RunID()).Val()
	if journal["effect"] != `r"done"` {
		t.Errorf("the continued journal is %v", journal)
	}
	r.archive(h)
	if got, err := r.client.Record(ctx, id); err != nil || got.ResumedBy != continued.RunID() {
		t.Errorf("it is continued by %q, %v", got.ResumedBy, err)
	}
	if ids, _ := r.list(List{Oldest: true}); !slices.Equal(ids, []string{id, continued.RunID()}) {
		t.Errorf("listed are %v", ids)
	}
	if left := r.redis.Keys(ctx, keysOf("default").journalPrefix()+"*").Val(); len(left) != 0 {
		t.Errorf("journals are left: %v", left)
	}
	if last := r.submit(s); r.wait(last).State != Succeeded || last.RunID() != continued.RunID() {
		t.Errorf("the key leads to %s, want the run that continued the first one", last.RunID())
	}
	r.archive(h)
	if err := r.client.recall(ctx, continued.RunID()); err != nil {
		t.Fatal(err)
	}
	delete(h.runs, continued.RunID()) // as one that the history does not have yet
	if last := r.submit(s); last.RunID() != continued.RunID() {
		t.Errorf("the key leads to %s, want the run that continues the first one in Redis alone", last.RunID())
	}
}

// Of a run whose values were dropped only the fact is left: nothing can be done with it. While the history is away it is not
// known what became of a key's run.
func TestADroppedRunCanOnlyBeLookedAt(t *testing.T) {
	t.Parallel()
	r, h := newHistoryQueue(t)
	ctx := t.Context()
	r.worker(failAfterEffect)
	s := Submission{Spec: spec(), IdempotencyKey: &IdempotencyKey{Key: "k", Window: time.Hour}}
	ticket := r.submit(s)
	id := ticket.RunID()
	r.wait(ticket)
	r.archive(h)
	h.fail = fmt.Errorf("away: %w", ErrUnavailable)
	if _, err := r.client.Submit(ctx, s); !errors.Is(err, ErrUnavailable) {
		t.Errorf("while the history is away: %v", err)
	}
	h.fail = nil
	a := h.runs[id]
	if err := a.Erase(); err != nil {
		t.Fatal(err)
	}
	h.runs[id] = a
	record, err := r.client.Record(ctx, id)
	if err != nil || !record.Dropped || record.Event != nil || record.Error.Message != "erased" {
		t.Errorf("the record is %+v, %v", record, err)
	}
	if err := record.Resumable(); !errors.Is(err, ErrDropped) {
		t.Errorf("continued: %v", err)
	}
	if err := r.client.SetTriage(ctx, id, Triage{State: Ignored}); !errors.Is(err, ErrDropped) {
		t.Errorf("triaged: %v", err)
	}
	var ran *RanError
	if _, err := r.client.Submit(ctx, s); !errors.As(err, &ran) || ran.Run != id {
		t.Errorf("with its key: %v", err)
	}
}

// Long values go to the history and come back in full.
func TestLongValuesInTheHistory(t *testing.T) {
	t.Parallel()
	r, h := newHistoryQueue(t)
	long := `["` + strings.Repeat("x", 3*perCall) + `"]`
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		reference, err := a.storePieces(ctx, "output", []byte(long))
		if err != nil {
			return Outcome{State: Failed, Error: &flows.Error{}}
		}
		return Outcome{State: Succeeded, Output: []byte(reference)}
	})
	ticket := r.submit(Submission{Spec: spec()})
	if got := r.wait(ticket); string(got.Output) != long {
		t.Fatalf("the output has %d bytes", len(got.Output))
	}
	r.archive(h)
	for range 2 { // from the history, and recalled
		got, err := r.client.Record(t.Context(), ticket.RunID())
		if err != nil || string(got.Output) != long {
			t.Errorf("the output has %d bytes, %v", len(got.Output), err)
		}
		if err := r.client.recall(t.Context(), ticket.RunID()); err != nil {
			t.Fatal(err)
		}
	}
}

// Lists have the runs of both, in order, whatever the size of a page, and only those of Redis while the history is away.
func TestListsHaveBoth(t *testing.T) {
	t.Parallel()
	r, h := newHistoryQueue(t)
	r.worker(echo)
	var all []string
	for i := range 12 {
		ticket := r.submit(Submission{Spec: spec()})
		r.wait(ticket)
		if all = append(all, ticket.RunID()); i == 7 {
			r.archive(h)
		}
		time.Sleep(time.Millisecond) // each has a time of its own
	}
	r.nothingLeft()
	if err := r.client.recall(t.Context(), all[3]); err != nil { // both have it
		t.Fatal(err)
	}
	for _, oldest := range []bool{true, false} {
		for most := 1; most < 14; most++ {
			var got []string
			l := List{Oldest: oldest, Most: most}
			for more := true; more; {
				var err error
				if l.After, more, err = r.client.List(t.Context(), l, func(record *Record) { got = append(got, record.ID) }); err != nil {
					t.Fatal(err)
				}
			}
			want := slices.Clone(all)
			if !oldest {
				slices.Reverse(want)
			}
			if !slices.Equal(got, want) {
				t.Errorf("oldest first %v, %d a page:\n%v\nwant\n%v", oldest, most, got, want)
			}
		}
	}
	h.fail = errors.New("away")
	var got []string
	next, more, err := r.client.List(t.Context(), List{}, func(record *Record) { got = append(got, record.ID) })
	if !errors.Is(err, ErrHistory) || !more || len(got) != 5 || next.ID != all[3] {
		t.Errorf("without the history: %v, %v, %v, %v", got, next, more, err)
	}
	if WithoutHistory(err) != nil {
		t.Error("the error remains")
	}
}

func TestWhatTidyRemovesWithAHistory(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	old, lately := time.Now().Add(-time.Hour).UnixMicro(), time.Now().UnixMicro()
	wanted := map[string]bool{}
	add := func(kept bool, list string, fields ...any) {
		id := NewRunID("default")
		s.c.HSet(ctx, s.keys.runPrefix()+id, fields...)
		s.c.ZAdd(ctx, s.keys.index(), redis.Z{Score: 1, Member: id})
		s.c.RPush(ctx, list, id)
		wanted[id] = kept
	}
	add(false, s.keys.archived(), "state", "succeeded", "finished", old)
	add(true, s.keys.ended(), "state", "succeeded", "finished", old)
	add(true, s.keys.archived(), "state", "succeeded", "finished", old, "recalled", lately)
	add(true, s.keys.archived(), "state", "succeeded", "finished", old, "changed", "1")
	s.run(tidyScript, "w", time.Minute.Milliseconds(), 10, 60_000, "1")
	for id, kept := range wanted {
		if got := s.c.Exists(ctx, s.keys.runPrefix()+id).Val() == 1; got != kept {
			t.Errorf("a run that is %v: kept %v, want %v", s.c.HGetAll(ctx, s.keys.runPrefix()+id).Val(), got, kept)
		}
	}
	s.run(tidyScript, "w", -1000, 10, 60_000, "1")
	if left := s.c.Keys(ctx, s.keys.runPrefix()+"*").Val(); len(left) != 2 {
		t.Errorf("%d runs are left, want the one that is not archived and the one that has changed", len(left))
	}
	s.run(tidyScript, "w", -1000, 10, 60_000, "") // the history was turned off
	if left := s.c.Keys(ctx, "*run:*").Val(); len(left) != 0 {
		t.Errorf("%v are left without a history", left)
	}
}

// What was read is marked, up to the first run that is another one, or has changed since.
func TestWhatWasArchived(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	var ids []string
	for range 4 {
		id := NewRunID("default")
		s.c.HSet(ctx, s.keys.runPrefix()+id, "state", "failed", "turn", "w1", "reply", "p", "deadline", "1", "limit", "1")
		s.c.ZAdd(ctx, s.keys.index(), redis.Z{Score: 1, Member: id})
		s.c.RPush(ctx, s.keys.ended(), id)
		ids = append(ids, id)
	}
	loose := NewRunID("default") // which is not settled
	s.c.HSet(ctx, s.keys.runPrefix()+loose, "state", "failed")
	for _, id := range []string{ids[0], ids[1], loose} {
		s.run(annotateScript, id, "", "triage", "t")
	}
	changed := func(id string) string { return s.c.HGet(ctx, s.keys.runPrefix()+id, "changed").Val() }
	if changed(ids[0]) == "" || changed(loose) != "" {
		t.Errorf("changed are %q, and %q which is not settled", changed(ids[0]), changed(loose))
	}
	if got := s.run(archivedScript, ids[0], changed(ids[0]), ids[1], "1", ids[2], ""); got != "1" || changed(ids[0]) != "" || changed(ids[1]) == "" {
		t.Errorf("moved %s, changed are %q and %q; the second has changed since it was read", got, changed(ids[0]), changed(ids[1]))
	}
	got := s.run(archivedScript, ids[1], changed(ids[1]), ids[2], "", loose, "")
	ended, archived := s.c.LRange(ctx, s.keys.ended(), 0, -1).Val(), s.c.LRange(ctx, s.keys.archived(), 0, -1).Val()
	if got != "2" || !slices.Equal(archived, ids[:3]) || !slices.Equal(ended, []string{ids[3], ids[0], ids[1]}) {
		t.Errorf("moved %s; archived are %v, ended %v", got, archived, ended)
	}
	if n := s.c.HLen(ctx, s.keys.runPrefix()+ids[2]).Val(); n != 1 {
		t.Errorf("a record has %d fields: %v", n, s.c.HGetAll(ctx, s.keys.runPrefix()+ids[2]).Val())
	}
}

// Recalling a run that Redis has changes nothing.
func TestRecall(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	run := s.keys.runPrefix() + s.id
	s.c.Set(ctx, s.keys.journalPrefix()+s.id, "x", time.Hour)
	if got := s.run(recallScript, s.id, "state", "failed", "at", "1795780800000123", "changed", "1"); got != "1" {
		t.Errorf("replied %s", got)
	}
	if f := s.c.HGetAll(ctx, run).Val(); f["state"] != "failed" || f["changed"] != "" || f["recalled"] == "" {
		t.Errorf("stored is %v", f)
	}
	if ttl := s.c.TTL(ctx, s.keys.journalPrefix()+s.id).Val(); ttl != -1 {
		t.Errorf("its journal expires in %v", ttl)
	}
	if at := s.c.ZScore(ctx, s.keys.index(), s.id).Val(); at != 1795780800000 {
		t.Errorf("its place in the index is %.0f", at)
	}
	if ids := s.c.LRange(ctx, s.keys.archived(), 0, -1).Val(); !slices.Equal(ids, []string{s.id}) {
		t.Errorf("tidy removes %v", ids)
	}
	if got := s.run(recallScript, s.id, "state", "succeeded", "at", "1"); got != "0" || s.c.HGet(ctx, run, "state").Val() != "failed" {
		t.Errorf("replied %s for a run that is there, which is now %s", got, s.c.HGet(ctx, run, "state").Val())
	}
}

// Only a settled run is forgotten, with the mark of its origin unless another run continues it.
func TestForget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		state           string
		settled, isLast bool
		left            int64 // keys
	}{
		{"failed", true, true, 0},
		{"failed", true, false, 1},
		{"succeeded", false, true, 3},
		{"running", false, true, 3},
	} {
		s, ctx := newStoredRun(t), t.Context()
		run, journal, origin, last := s.keys.runPrefix()+s.id, s.keys.journalPrefix()+s.id, s.keys.originPrefix()+"o", NewRunID("default")
		if c.isLast {
			last = s.id
		}
		s.c.HSet(ctx, run, "state", c.state, "origin", "o")
		s.c.MSet(ctx, journal, "x", origin, last)
		if c.settled {
			s.c.ZAdd(ctx, s.keys.index(), redis.Z{Score: 1, Member: s.id})
		}
		if got := s.run(forgetScript, s.id); got != c.state {
			t.Errorf("%+v: replied %q", c, got)
		}
		if n := s.c.Exists(ctx, run, journal, origin).Val(); n != c.left {
			t.Errorf("%+v: %d keys are left", c, n)
		}
		if n := s.c.ZCard(ctx, s.keys.index()).Val(); n != 0 {
			t.Errorf("%+v: it is in the index", c)
		}
	}
	s := newStoredRun(t)
	if got := s.run(forgetScript, s.id); got != "" {
		t.Errorf("no run: replied %q", got)
	}
}
