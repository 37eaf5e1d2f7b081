package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/queue"
)

// recordedRuns are the runs of one flow, all with the same results.
type recordedRuns struct {
	all     []queue.Record
	results map[string][]byte
	reading func() // called when a run is read
}

func (r *recordedRuns) List(_ context.Context, l queue.List, each func(*queue.Record)) (next queue.Place, more bool, err error) {
	for i := range r.all {
		if r.all[i].ID > l.After.ID {
			each(&r.all[i])
			next = r.all[i].Place()
		}
	}
	return next, false, nil
}

func (r *recordedRuns) Record(ctx context.Context, id string) (queue.Record, error) {
	if r.reading != nil {
		r.reading()
	}
	for _, record := range r.all {
		if record.ID == id {
			return record, ctx.Err()
		}
	}
	return queue.Record{}, queue.ErrNotFound
}

func (r *recordedRuns) Results(context.Context, *queue.Record, int) (map[string][]byte, error) {
	if r.results == nil {
		return nil, queue.ErrTooLarge
	}
	return r.results, nil
}

func parse(t *testing.T, source string) *flows.Flow {
	t.Helper()
	flow, err := flows.Parse("test.yaml", []byte("flow: 1\n"+source), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	return flow
}

// rehearse rehearses a version on one run with an event and results, and returns the differences, a line each.
func rehearse(t *testing.T, current, version, event string, results map[string]string) (*Report, string) {
	t.Helper()
	runs := &recordedRuns{all: []queue.Record{{Spec: queue.Spec{ID: "a", Flow: 1, Event: json.RawMessage(event)}, Result: queue.Result{State: queue.Failed}}}, results: map[string][]byte{}}
	for key, result := range results {
		runs.results[key] = []byte(result)
	}
	report, err := newTestRehearser(t, runs).Rehearse(t.Context(), Options{Current: parse(t, current), Version: parse(t, version)})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, g := range report.Differences {
		lines = append(lines, strings.Join(strings.Fields(fmt.Sprintln(g.Kind, g.Step, g.Path, g.Before, "->", g.After)), " "))
	}
	return report, strings.Join(lines, "\n")
}

func newTestRehearser(t *testing.T, runs Runs) *Rehearser {
	t.Helper()
	called := calledFlow{parse(t, "steps: [{http: {post: 'https://b.example', json: {n: '${ .n }'}}}]\n")}
	r, err := New(Config{Runs: runs, Flows: called, Connection: func(context.Context, string) (string, error) { return "basic", nil }})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// calledFlow is a flow that others call.
type calledFlow struct{ flow *flows.Flow }

func (c calledFlow) Find(string) (*flows.Flow, bool) { return c.flow, true }

func (c calledFlow) Version(context.Context, int64, string) (*flows.Flow, error) { return c.flow, nil }

func TestDifferences(t *testing.T) {
	t.Parallel()
	post := func(name, rest string) string {
		return "  - {name: " + name + ", http: {post: 'https://a.example/x', " + rest + "}}\n"
	}
	done := `{"items":[{"status":200}],"of":1}`
	long := strings.Repeat("a", 300)
	tests := []struct {
		name, current, version string
		results                map[string]string
		want                   string
	}{
		{"an element more", "  - set: {a: [1]}\n", "  - set: {a: [1, 2]}\n", nil, "output [].a[] -> 2"},
		{"a member less", "  - set: {a: 1, b: {c: 2}}\n", "  - set: {a: 1}\n", nil, `output [].b {"c":2} ->`},
		{"another type", "  - set: {a: [1]}\n", "  - set: {a: {b: 1}}\n", nil, `output [].a [1] -> {"b":1}`},
		{"no item", "  - set: {a: 1}\n", "  - filter: 'false'\n", nil, `output [] {"a":1} ->`},
		{"a long text", "  - set: {a: '" + long + "b'}\n", "  - set: {a: '" + long + "c'}\n", nil, `output [].a "…` + long[:40] + `b" -> "…` + long[:40] + `c"`},
		{"a secret", post("s", "json: {api_token: one}"), post("s", "json: {api_token: two}"), map[string]string{"s.0": done}, `effect_changed s body.api_token "***" -> "***"`},
		{"another step makes the same request", post("one", "json: 1"), post("two", "json: 1"), map[string]string{"one.0": done}, ""},
		{"another failure", "  - fail: {message: a}\n", "  - fail: {message: b}\n", nil, "failure fail fail: step fail: a -> fail: step fail: b"},
		{"no failure", "  - fail: {message: a}\n", "  - set: {a: 1}\n", nil, "failure fail fail: step fail: a ->"},
		{
			"what comes after a new effect is unknown", post("s", "json: 1"), post("new", "json: 2") + post("s", "json: 1"), map[string]string{"s.0": done},
			"effect_new new -> POST https://a.example/x",
		},
		{"a new effect before the stop of the current version", post("s", "json: 1"), post("new", "json: 2") + post("s", "json: 1"), nil, "effect_new new -> POST https://a.example/x"},
		{
			"values of a called flow are not shown", "  - {call: other, event: {n: 1}}\n", "  - {call: other, event: {n: 2}}\n",
			map[string]string{"call.0.flow other": `{"number":2,"version":"v"}`, "call.0/http.0": done}, "effect_changed call/http body (not shown) -> (not shown)",
		},
		{"both stop at the same effect", post("s", "json: 1"), post("s", "json: 2"), nil, "effect_changed s body 1 -> 2"},
		{"an effect before the stop is gone", post("gone", "json: 0") + post("s", "json: 1"), post("s", "json: 1"), map[string]string{"gone.0": done}, "effect_gone gone POST https://a.example/x ->"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, got := rehearse(t, "steps:\n"+test.current, "steps:\n"+test.version, "null", test.results)
			if got != test.want {
				t.Errorf("%s\nwant %s", got, test.want)
			}
		})
	}
}

// The differences of a run are bounded, and so are the effects.
func TestBoundsOfDifferences(t *testing.T) {
	t.Parallel()
	source := "steps:\n  - transform: '[range(%d)] | .[]'\n  - state: {set: a, to: %d}\n"
	report, _ := rehearse(t, fmt.Sprintf(source, 2000, 1), fmt.Sprintf(source, 2000, 2), "null", nil)
	if report.Runs != 1 || report.Unanswered != 1 {
		t.Errorf("%+v", report)
	}
	mocked := "\ntests: [{name: a, mocks: {http: {}}, output: []}]\n"
	source = "steps:\n  - split: 'range(%d)'\n  - http: {post: 'https://a.example', json: %d}" + mocked
	report, _ = rehearse(t, fmt.Sprintf(source, 2000, 1), fmt.Sprintf(source, 2000, 2), "null", nil)
	if report.Different != 1 || len(report.Details) != 1 || len(report.Details[0].Differences) != maxPerRun || len(report.Differences) != 1 || report.Differences[0].Runs != 1 {
		t.Errorf("%d runs differ, %d differences", report.Different, len(report.Details[0].Differences))
	}
	report, _ = rehearse(t, fmt.Sprintf(source, 10_001, 1), fmt.Sprintf(source, 1, 2), "null", nil)
	if report.Runs != 0 || len(report.Skipped) != 1 || report.Skipped[0].Reason != flows.ErrRehearsalSize.Error() {
		t.Errorf("%+v", report)
	}
}

// A process rehearses one flow at a time, until the caller goes.
func TestOneRehearsalAtATime(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	flow := parse(t, "steps:\n  - set: {a: 1}\n")
	o := Options{Current: flow, Version: flow, Runs: 3}
	runs := &recordedRuns{all: []queue.Record{{Spec: queue.Spec{ID: "a", Flow: 1}, Result: queue.Result{State: queue.Succeeded}}}}
	r := newTestRehearser(t, runs)
	runs.reading = func() {
		runs.reading = nil
		if _, err := r.Rehearse(ctx, o); !errors.Is(err, ErrBusy) {
			t.Errorf("a second rehearsal: %v", err)
		}
		cancel()
	}
	if _, err := r.Rehearse(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller has gone: %v", err)
	}
	report, err := r.Rehearse(t.Context(), o)
	if err != nil || len(report.Skipped) != 1 || report.Skipped[0].Reason != "the run has results of more than 4 MiB" {
		t.Errorf("%+v, %v", report, err)
	}
}

// A rehearsal that takes too long reports what it has found so far.
func TestARehearsalEndsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		flow := parse(t, "steps:\n  - set: {a: 1}\n")
		runs := &recordedRuns{results: map[string][]byte{}}
		for _, id := range []string{"a", "b", "c"} {
			runs.all = append(runs.all, queue.Record{Spec: queue.Spec{ID: id, Flow: 1}, Result: queue.Result{State: queue.Succeeded}})
		}
		read := 0
		runs.reading = func() {
			if read++; read > 1 {
				time.Sleep(maxTime + time.Second)
			}
		}
		report, err := newTestRehearser(t, runs).Rehearse(t.Context(), Options{Current: flow, Version: flow})
		if err != nil || report.Complete || report.Runs != 1 || report.Same != 1 || len(report.Skipped) > 0 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}
