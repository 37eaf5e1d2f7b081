package queue

import (
	"context"
	"errors"
	"fmt"
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

// A run that failed is open until a run in its place succeeds, however many of those have failed, or until somebody says so.
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
	triage(first, "open ")
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
