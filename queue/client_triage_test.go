package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
)

// failing fails the runs whose event is "fail".
func failing(_ context.Context, a *Attempt) Outcome {
	if string(a.Event) == `"fail"` {
		return Outcome{State: Failed, Error: &flows.Error{Code: flows.CodeStepFailed, Message: "no"}}
	}
	return Outcome{State: Succeeded, Output: []byte("[]")}
}

// A run that failed is open until another one is in its place, which is open when it has failed, too, or until somebody says so.
func TestTriage(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	r.worker(failing)
	run := func(event, replays string) string {
		t.Helper()
		s := Submission{Spec: spec()}
		s.Event, s.ReplayOf = []byte(event), replays
		ticket := r.submit(s)
		r.wait(ticket)
		return ticket.RunID()
	}
	triage := func(id, want string) {
		t.Helper()
		record, err := r.client.Record(t.Context(), id)
		got := "none"
		if record.Triage != nil {
			got = fmt.Sprint(record.Triage.State, " ", record.Triage.By, record.Triage.Run)
		}
		if err != nil || got != want {
			t.Errorf("run %s is %s, %v, want %s", id, got, err, want)
		}
	}
	first := run(`"fail"`, "")
	triage(first, "open ")
	second := run(`"fail"`, first)
	triage(first, "resolved "+second)
	triage(second, "open ")
	if err := r.client.SetTriage(t.Context(), second, Triage{State: Ignored, By: "user:olga", At: time.Now()}); err != nil {
		t.Error(err)
	}
	third := run("1", second)
	triage(first, "resolved "+third)
	triage(second, "ignored user:olga") // what was said stays
	triage(third, "none")
	if err := r.client.SetTriage(t.Context(), first, Triage{State: Open, By: "user:olga", At: time.Now().Add(time.Second)}); err != nil {
		t.Error(err)
	}
	triage(first, "open user:olga") // that run was there before
	for id, want := range map[string]error{third: ErrNotTriaged, NewRunID("default"): ErrNotFound} {
		if err := r.client.SetTriage(t.Context(), id, Triage{State: Resolved}); !errors.Is(err, want) {
			t.Errorf("triage of %s: %v, want %v", id, err, want)
		}
	}
	listed := map[string]string{}
	testenv.Eventually(t, func() string {
		_, _, err := r.client.List(t.Context(), List{}, func(r *Record) { listed[r.ID] = string(r.TriageState()) })
		if err != nil || len(listed) < 3 {
			return fmt.Sprint(listed, err)
		}
		return ""
	})
	if listed[first] != "open" || listed[second] != "ignored" || listed[third] != "" {
		t.Errorf("listed: %v", listed)
	}
}

// A run is not open beside the one that continues it. A cancelled run is in no place, as nobody looks at it.
func TestARunIsInThePlaceOfAnother(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(-time.Minute)
	type seen struct {
		state     State
		resumedBy string
	}
	for name, tc := range map[string]struct {
		runs []seen // each continues the one before
		want int    // the one in the place of the first one; 0: none
	}{
		"fails":                   {[]seen{{Failed, ""}}, 1},
		"runs":                    {[]seen{{Running, ""}}, 1},
		"fails, then succeeds":    {[]seen{{Failed, "x"}, {Succeeded, ""}}, 2},
		"succeeds, then fails":    {[]seen{{Succeeded, "x"}}, 1},
		"cancelled":               {[]seen{{Cancelled, ""}}, 0},
		"cancelled, then goes on": {[]seen{{Cancelled, "x"}, {TimedOut, ""}}, 2},
		"fails, then cancelled":   {[]seen{{Failed, "x"}, {Cancelled, ""}}, 1},
		"not stored any more":     {[]seen{{"", ""}}, 0},
	} {
		s := &successorSearch{record: &Record{Result: Result{State: Failed}, Triage: &Triage{State: Open, At: at}}}
		ids := []string{""}
		for _, run := range tc.runs {
			ids = append(ids, NewRunID("default"))
			s.see(ids[len(ids)-1], run.state, run.resumedBy, "")
		}
		if s.inPlace != ids[tc.want] {
			t.Errorf("%s: %q is in its place of %q", name, s.inPlace, ids)
		}
	}
	reopened := &successorSearch{record: &Record{Triage: &Triage{State: Open, At: time.Now().Add(time.Minute)}}}
	if reopened.see(NewRunID("default"), Succeeded, "", ""); reopened.inPlace != "" {
		t.Error("a run that was opened by hand is resolved by an earlier one")
	}
}

// Triage states of many runs are read without the runs.
func TestTriageOf(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	r.worker(failing)
	run := func(event, replays string) string {
		t.Helper()
		s := Submission{Spec: spec()}
		s.Event, s.ReplayOf = []byte(event), replays
		ticket := r.submit(s)
		r.wait(ticket)
		return ticket.RunID()
	}
	open, first, good := run(`"fail"`, ""), run(`"fail"`, ""), run("1", "")
	run(`"fail"`, first)
	ignored := run(`"fail"`, "")
	if err := r.client.SetTriage(t.Context(), ignored, Triage{State: Ignored, By: "user:olga", At: time.Now()}); err != nil {
		t.Error(err)
	}
	got, err := r.client.TriageOf(t.Context(), []string{open, first, good, ignored, NewRunID("default"), "no id"})
	want := map[string]TriageState{open: Open, first: Resolved, good: "", ignored: Ignored}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

// Runs that only the history has are read in one call, and those in their places in another.
func TestTriageOfRunsOfTheHistory(t *testing.T) {
	t.Parallel()
	r, h := newHistoryQueue(t)
	stop := r.worker(failing)
	run := func(event, replays string) string {
		t.Helper()
		s := Submission{Spec: spec()}
		s.Event, s.ReplayOf = []byte(event), replays
		ticket := r.submit(s)
		r.wait(ticket)
		return ticket.RunID()
	}
	want := map[string]TriageState{}
	var ids []string
	for range 5 {
		open, replayed, good := run(`"fail"`, ""), run(`"fail"`, ""), run("1", "")
		want[open], want[replayed], want[good] = Open, Resolved, ""
		ids = append(ids, open, replayed, good)
		run("1", replayed)
	}
	stop()
	testenv.Eventually(t, func() string { // the links to runs that replay others are stored later
		r.archive(h)
		return strings.Join(slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !r.stored(id) }), " ")
	})
	h.calls = 0
	got, err := r.client.TriageOf(t.Context(), ids)
	if err != nil || !maps.Equal(got, want) || h.calls != 2 {
		t.Errorf("%v, %v after %d calls, want %v after 2", got, err, h.calls, want)
	}
	h.fail = errors.New("away")
	if got, err := r.client.TriageOf(t.Context(), ids); err != nil || len(got) != 0 {
		t.Errorf("%v, %v while the history is away", got, err)
	}
}
