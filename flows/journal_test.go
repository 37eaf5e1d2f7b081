package flows_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
)

// journal is a Journal in memory.
type journal struct {
	mu      sync.Mutex
	started map[string]flows.Effect
	results map[string]string
	refuse  error // error of Finish
}

func newJournal() *journal {
	return &journal{started: map[string]flows.Effect{}, results: map[string]string{}}
}

func (j *journal) Start(_ context.Context, key string, effect flows.Effect) (flows.Recorded, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, started := j.started[key]
	j.started[key] = effect
	known := flows.Recorded{Started: started}
	if result, ok := j.results[key]; ok {
		known.Result = []byte(result)
	}
	return known, nil
}

func (j *journal) Finish(ctx context.Context, key string, result []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.refuse != nil {
		return j.refuse
	}
	j.results[key] = string(result)
	return ctx.Err()
}

const journaledSteps = `
  - split: .[]
  - name: top
    probe:
  - switch:
      - when: . > 0
        steps:
          - split: ., .
          - probe:
            on_error: continue
`

// Effects are recorded under keys that are equal in every attempt of the run, and neither results nor caught failures
// are executed a second time.
func TestJournaledEffectsAreNotExecutedAgain(t *testing.T) {
	t.Parallel()
	calls := 0
	var mu sync.Mutex
	flow := parseProbe(t, journaledSteps, func(_ context.Context, in *flows.Input) ([]any, error) {
		mu.Lock()
		defer mu.Unlock()
		calls++
		if in.RunKey() != "run-1."+in.Key() {
			t.Errorf("key %s, run key %s", in.Key(), in.RunKey())
		}
		if in.Key() == "switch.1.probe.2.1" {
			return nil, &flows.Error{Message: "no more", Upstream: 409}
		}
		return []any{in.Value()}, nil
	})
	j := newJournal()
	first := execute(t, flow, numbers(3), flows.Env{Journal: j})
	want(t, first, `[0,1,1,2,{"error":{"code":"step_failed","message":"no more","status":409,"step":"switch.1.probe"}}]`)
	keys := []string{"switch.1.probe.1.0", "switch.1.probe.1.1", "switch.1.probe.2.0", "switch.1.probe.2.1", "top.0", "top.1", "top.2"}
	if diff := cmp.Diff(keys, slices.Sorted(maps.Keys(j.results))); diff != "" {
		t.Errorf("keys (-want +got)\n%s", diff)
	}
	again := execute(t, flow, numbers(3), flows.Env{Journal: j})
	if calls != 7 {
		t.Errorf("%d effects executed, want 7", calls)
	}
	want(t, again, string(flows.EncodeJSON(first)))
}

func TestPureStepsAreNotJournaled(t *testing.T) {
	t.Parallel()
	j := newJournal()
	execute(t, parse(t, "  - set: {a: 1}\n  - log: hello\n  - collect: length\n"), nil, flows.Env{Journal: j})
	if len(j.started) != 0 {
		t.Errorf("recorded %v", j.started)
	}
}

func TestEffectThatLeftNoResult(t *testing.T) {
	t.Parallel()
	tests := []struct {
		attributes string
		effect     flows.Effect
		executes   bool
	}{
		{"", flows.Once, false},
		{"on_error: skip", flows.Once, false},
		{"on_uncertain: rerun", flows.Once, true},
		{"effect: read", flows.Read, true},
		{"effect: idempotent", flows.Idempotent, true},
	}
	for _, test := range tests {
		executed := false
		flow := parseProbe(t, "  - probe:\n    "+test.attributes+"\n", func(_ context.Context, in *flows.Input) ([]any, error) {
			executed = true
			return []any{in.Value()}, nil
		})
		j := newJournal()
		j.started["probe.0"] = test.effect
		_, err := flow.Execute(t.Context(), flows.Run{}, flows.Env{Journal: j})
		if executed != test.executes || j.started["probe.0"] != test.effect {
			t.Errorf("%q: executed %v as %d, want %v", test.attributes, executed, j.started["probe.0"], test.executes)
		}
		if !test.executes {
			wantError(t, err, flows.CodeUncertain, "it may or may not have happened")
		}
	}
}

// A run that ends during an effect leaves it without a result: uncertain. An effect that has happened is recorded
// nevertheless.
func TestRecordOfAnEffectAtTheEndOfTheRun(t *testing.T) {
	t.Parallel()
	for _, happened := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		flow := parseProbe(t, "  - probe:\n", func(context.Context, *flows.Input) ([]any, error) {
			cancel()
			if happened {
				return []any{"done"}, nil
			}
			return nil, errors.New("reset")
		})
		j := newJournal()
		flow.Execute(ctx, flows.Run{}, flows.Env{Journal: j})
		if _, recorded := j.results["probe.0"]; recorded != happened {
			t.Errorf("happened %v, recorded %v", happened, recorded)
		}
	}
}

func TestRefusedRecordEndsTheRun(t *testing.T) {
	t.Parallel()
	stale := errors.New("the fence is stale")
	j := newJournal()
	j.refuse = stale
	_, err := parseProbe(t, "  - probe:\n    on_error: skip\n", pass).Execute(t.Context(), flows.Run{}, flows.Env{Journal: j})
	wantError(t, err, flows.CodeInternal, "could not be recorded")
	if !errors.Is(err, stale) {
		t.Errorf("%v hides its cause", err)
	}
}

// tracer keeps the traced events, without the times.
type tracer struct {
	mu    sync.Mutex
	begun []flows.StepStart
	ended []flows.StepEnd
	lines []flows.LogLine
}

func (t *tracer) Begin(b flows.StepStart) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begun = append(t.begun, b)
}

func (t *tracer) End(e flows.StepEnd) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = append(t.ended, e)
}

func (t *tracer) Log(l flows.LogLine) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, l)
}

func TestTracerIsToldWhatHappens(t *testing.T) {
	t.Parallel()
	flow := parseProbe(t, `
  - split: .[]
  - name: find
    probe:
    concurrency: 1
    retry: {attempts: 2, backoff: 0s, on: [503]}
    on_error: skip
  - switch:
      - when: . == 2
        steps: [{log: {message: "two is ${ . }", fields: {password: hunter2, n: "${ . }"}}, redact: Password}]
  - filter: error("stop")
`, func(_ context.Context, in *flows.Input) ([]any, error) {
		if in.Index() == 1 {
			return nil, &flows.Error{Message: "busy", Upstream: 503}
		}
		return []any{in.Value()}, nil
	})
	j := newJournal()
	j.results["find.0"] = `{"items":[0]}`
	trace := &tracer{}
	if _, err := flow.Execute(t.Context(), flows.Run{Event: numbers(3)}, flows.Env{Trace: trace, Journal: j}); err == nil {
		t.Fatal("it did not fail")
	}
	type end struct {
		Step, Kind                  string
		In, Out, Attempts, Replayed int
		Failed                      bool
	}
	var ends []end
	for i, e := range trace.ended {
		if e.Duration < 0 || e.At.IsZero() {
			t.Errorf("%d: at %v for %v", i, e.At, e.Duration)
		}
		ends = append(ends, end{e.Step, e.Kind, e.In, e.Out, e.Attempts, e.Replayed, e.Err != nil})
	}
	wanted := []end{
		{"split", "split", 1, 3, 1, 0, false},
		{"find", "probe", 3, 2, 3, 1, false},
		{"switch.1.log", "log", 1, 1, 1, 0, false},
		{"switch", "switch", 2, 2, 2, 0, false},
		{"filter", "filter", 2, 0, 1, 0, true},
	}
	if diff := cmp.Diff(wanted, ends); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(trace.begun) != len(wanted) || trace.begun[0].Step != "split" || trace.begun[0].In != 1 {
		t.Errorf("begun %v", trace.begun)
	}
	if len(trace.lines) != 1 {
		t.Fatalf("lines %v", trace.lines)
	}
	line := trace.lines[0]
	if line.Step != "switch.1.log" || line.Level != "info" || line.Message != "two is 2" {
		t.Errorf("line %v", line)
	}
	want(t, line.Fields, `{"n":2,"password":"***"}`)
}
