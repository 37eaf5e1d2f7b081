package failure_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/internal/testenv"
)

// start is before the clock of Redis, like all times of these tests.
var start = time.Date(2025, 3, 1, 12, 30, 0, 0, time.UTC)

type testStore struct {
	*failure.Store
	t     *testing.T
	redis *testenv.RedisServer
	at    time.Time
	runs  int
}

func newStore(t *testing.T) *testStore {
	t.Helper()
	s := &testStore{t: t, redis: testenv.Redis(t), at: start}
	s.Store = failure.New(s.redis.Client(), func() time.Time { return s.at })
	return s
}

// run is a new run of flow 7 that has failed now.
func (s *testStore) run(message string) failure.Run {
	s.runs++
	return failure.Run{ID: fmt.Sprint("run", s.runs), Flow: 7, Step: "pay", Code: "step_failed", Message: message, Ended: s.at}
}

func (s *testStore) record(runs ...failure.Run) []failure.Event {
	s.t.Helper()
	events, err := s.Record(s.t.Context(), runs)
	if err != nil {
		s.t.Fatal(err)
	}
	return events
}

func (s *testStore) kinds(runs ...failure.Run) string {
	s.t.Helper()
	var kinds []failure.Kind
	for _, e := range s.record(runs...) {
		kinds = append(kinds, e.Kind)
	}
	return fmt.Sprint(kinds)
}

func (s *testStore) list() []failure.Group {
	s.t.Helper()
	all, err := s.List(s.t.Context(), func(int64) bool { return true })
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

func (s *testStore) set(id string, state failure.State, until time.Time) {
	s.t.Helper()
	if err := s.Set(s.t.Context(), id, state, until); err != nil {
		s.t.Fatal(err)
	}
}

// Runs with messages that differ in their variable parts are one failure; recording a run again changes nothing.
func TestRunsThatFailAlikeAreOneFailure(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	first, second, other := s.run("order 1 is not paid"), s.run("order 22 is not paid"), s.run("no such order")
	for range 2 {
		if got := s.kinds(first, second, other); got != "[new known new]" {
			t.Errorf("kinds: %s", got)
		}
	}
	s.at = start.Add(time.Minute)
	s.record(s.run("order 333 is not paid"))
	want := []failure.Group{
		{Flow: 7, Step: "pay", Code: "step_failed", Message: "order N is not paid", State: failure.Open, Count: 3, LastHour: 3, LastDay: 3,
			First: start, Last: s.at, Runs: []string{"run4", "run2", "run1"}},
		{Flow: 7, Step: "pay", Code: "step_failed", Message: "no such order", State: failure.Open, Count: 1, LastHour: 1, LastDay: 1,
			First: start, Last: start, Runs: []string{"run3"}},
	}
	got := s.list()
	for i := range got {
		one, err := s.Failure(t.Context(), got[i].ID)
		if err != nil || !cmp.Equal(one, got[i]) {
			t.Errorf("%s alone: %v, %v", got[i].ID, one, err)
		}
		got[i].ID = ""
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	if n, err := s.Since(t.Context(), 7, time.Hour); n != 4 || err != nil {
		t.Errorf("%d runs in an hour, %v", n, err)
	}
}

// Counts are of the last hours and minutes.
func TestOldRunsDoNotCount(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.record(s.run("x"), s.run("x"))
	s.at = start.Add(3 * time.Hour)
	s.record(s.run("x"))
	if f := s.list()[0]; f.LastHour != 1 || f.LastDay != 3 || f.Count != 3 {
		t.Errorf("%d in an hour, %d in a day, %d in all", f.LastHour, f.LastDay, f.Count)
	}
	for within, want := range map[time.Duration]int64{time.Minute: 1, 10 * time.Minute: 1, 4 * time.Hour: 3} {
		if n, err := s.Since(t.Context(), 7, within); n != want || err != nil {
			t.Errorf("%d within %v, want %d; %v", n, within, want, err)
		}
	}
	s.at = start.Add(50 * time.Hour)
	s.record(s.run("x"))
	if f := s.list()[0]; f.LastHour != 1 || f.LastDay != 1 || f.Count != 4 {
		t.Errorf("two days later: %d in an hour, %d in a day, %d in all", f.LastHour, f.LastDay, f.Count)
	}
	if n, _ := s.Since(t.Context(), 7, failure.MaxWindow); n != 1 {
		t.Errorf("two days later: %d within %v", n, failure.MaxWindow)
	}
}

// A resolved failure is opened by a run that ends later, a muted one when its time is over.
func TestStatesOfAFailure(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	earlier := s.run("x")
	id := s.record(s.run("x"))[0].Failure
	s.at = s.at.Add(time.Minute)
	s.set(id, failure.Resolved, time.Time{})
	if got := s.kinds(earlier); got != "[known]" || s.list()[0].State != failure.Resolved {
		t.Errorf("a run that ended before: %s, %s", got, s.list()[0].State)
	}
	s.at = s.at.Add(time.Minute)
	again := s.run("x")
	for range 2 {
		if got := s.kinds(again); got != "[again]" {
			t.Errorf("kinds: %s", got)
		}
	}
	if f := s.list()[0]; f.State != failure.Open || !f.CameBack.Equal(s.at) {
		t.Errorf("%s, came back at %v", f.State, f.CameBack)
	}
	until := s.at.Add(time.Hour)
	s.set(id, failure.Muted, until)
	if e := s.record(s.run("x"))[0]; e.Kind != failure.KindKnown || e.State != failure.Muted {
		t.Errorf("a run of a muted failure: %+v", e)
	}
	if f := s.list()[0]; f.State != failure.Muted || !f.Until.Equal(until) || !f.CameBack.IsZero() {
		t.Errorf("%s until %v", f.State, f.Until)
	}
	s.at = until
	if f := s.list()[0]; f.State != failure.Open || !f.Until.IsZero() {
		t.Errorf("then: %s until %v", f.State, f.Until)
	}
	for _, none := range []string{"7-0123456789abcdef", "x", "", "7-x"} {
		if err := s.Set(t.Context(), none, failure.Resolved, time.Time{}); !errors.Is(err, failure.ErrNotFound) {
			t.Errorf("%q: %v", none, err)
		}
		if _, err := s.Failure(t.Context(), none); !errors.Is(err, failure.ErrNotFound) {
			t.Errorf("%q: %v", none, err)
		}
	}
}

// A flow has at most 500 failures, those that were seen last, and each key an end.
func TestFailuresAreBounded(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	letters := func(n int) string {
		return string([]byte{byte('a' + n/26/26%26), byte('a' + n/26%26), byte('a' + n%26)})
	}
	var batch []failure.Run
	for i := range 700 {
		s.at = s.at.Add(time.Second)
		batch = append(batch, s.run("cause "+letters(i)))
	}
	s.record(batch...)
	all := s.list()
	if len(all) != 500 || all[0].Message != "cause "+letters(699) {
		t.Errorf("%d failures, the last one is %s", len(all), all[0].Message)
	}
	s.at = s.at.Add(time.Second)
	var same []failure.Run
	for range 30 {
		same = append(same, s.run("same"))
	}
	s.record(same...)
	if f := s.list()[0]; len(f.Runs) != 10 || f.Count != 30 {
		t.Errorf("%d runs are named of %d", len(f.Runs), f.Count)
	}
	c, n := s.redis.Client(), 0
	for _, key := range c.Keys(t.Context(), "*").Val() {
		n++
		if c.TTL(t.Context(), key).Val() <= 0 {
			t.Errorf("%s is kept for ever", key)
		}
	}
	if n != 500+500+4 { // each failure and its runs
		t.Errorf("%d keys", n)
	}
}

// Workers that record the same runs at the same time count each once.
func TestWorkersRecordAtTheSameTime(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var runs []failure.Run
	for range 100 {
		runs = append(runs, s.run("x"))
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := s.Record(t.Context(), runs); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if f := s.list(); len(f) != 1 || f[0].Count != 100 {
		t.Errorf("%+v", f)
	}
}

// A failure has the number of its open runs, and is resolved by them when none is open and all are known. Of runs that are not
// stored any more nothing is said.
func TestOpenRunsAreCounted(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	open := map[string]bool{}
	asked := 0
	s.Store = s.Counting(func(_ context.Context, ids []string) (map[string]bool, error) {
		asked = len(ids)
		known := map[string]bool{}
		for _, id := range ids {
			if isOpen, ok := open[id]; ok {
				known[id] = isOpen
			}
		}
		return known, nil
	})
	var runs []failure.Run
	for range 44 {
		runs = append(runs, s.run("x"))
	}
	id := s.record(runs...)[0].Failure
	want := func(what string, state failure.State, byRuns bool, n int64) {
		t.Helper()
		one, err := s.Failure(t.Context(), id)
		if err != nil || !cmp.Equal(s.list(), []failure.Group{one}) || one.State != state || one.ByRuns != byRuns || one.Open() != n {
			t.Errorf("%s: %s by runs %v, %d open, %v", what, one.State, one.ByRuns, one.Open(), err)
		}
	}
	want("none is stored", failure.Open, false, 44)
	for i, r := range runs {
		open[r.ID] = i < 14
	}
	want("30 are resolved", failure.Open, false, 14)
	for _, r := range runs {
		open[r.ID] = false
	}
	want("all are resolved", failure.Resolved, true, 0)
	delete(open, runs[0].ID)
	want("one is stored no more", failure.Resolved, true, 0)
	s.at = s.at.Add(time.Minute)
	again := s.run("x")
	s.record(again)
	open[again.ID] = true
	want("one fails alike", failure.Open, false, 1)
	s.set(id, failure.Muted, s.at.Add(time.Hour))
	open[again.ID] = false
	want("it is muted", failure.Muted, false, 0)
	s.set(id, failure.Open, time.Time{})
	many := make([]failure.Run, failure.MaxKnown)
	for i := range many {
		many[i] = s.run("x")
		open[many[i].ID] = false
	}
	s.record(many...)
	want("there are older ones", failure.Open, false, 0)
	if asked != failure.MaxKnown {
		t.Errorf("%d runs were looked at", asked)
	}
}

// Reading many failures looks at a bounded number of runs: the failures that were seen last come first.
func TestCountingIsBounded(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	asked := 0
	s.Store = s.Counting(func(_ context.Context, ids []string) (map[string]bool, error) {
		asked = len(ids)
		known := map[string]bool{}
		for _, id := range ids {
			known[id] = true
		}
		return known, nil
	})
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		s.at = s.at.Add(time.Minute)
		var runs []failure.Run
		for range 450 {
			runs = append(runs, s.run("cause "+name))
		}
		s.record(runs...)
	}
	all := s.list()
	counted := 0
	for i := range all {
		if all[i].OpenRuns != nil {
			counted++
		}
	}
	if asked != 2*450 || counted != 2 || all[1].OpenRuns == nil || all[2].OpenRuns != nil || all[5].Open() != 450 {
		t.Errorf("%d runs were looked at, of %d failures", asked, counted)
	}
}
