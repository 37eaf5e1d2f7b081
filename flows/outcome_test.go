package flows_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
)

// of returns the recorded outcomes of a step.
func (t *tracer) of(step string) flows.StepEnd {
	for _, e := range t.ended {
		if e.Step == step {
			return e
		}
	}
	return flows.StepEnd{}
}

// timeless removes the values that differ between two executions, and reports whether each timed item lies within the
// step.
func timeless(t *testing.T, e flows.StepEnd) []flows.ItemOutcome {
	t.Helper()
	begun := e.At.Add(-e.Duration)
	for i := range e.Outcomes {
		one := &e.Outcomes[i]
		if one.At.Before(begun) || one.At.Add(one.Duration).After(e.At) {
			t.Errorf("item %d took from %v for %v, the step from %v to %v", one.Item, one.At, one.Duration, begun, e.At)
		}
		one.At, one.Duration = time.Time{}, 0
	}
	return e.Outcomes
}

// A step with effects records the outcome of each item: its attempts, the use of the journal, its failure and the
// number of its results.
func TestStepsTellOfItems(t *testing.T) {
	t.Parallel()
	flow := parseProbe(t, `
  - split: .[]
  - name: find
    probe:
    if: . != 3
    retry: {attempts: 3, backoff: 0s, on: [503]}
    on_error: skip
`, func(_ context.Context, in *flows.Input) ([]any, error) {
		switch in.Index() {
		case 1:
			return nil, &flows.Error{Message: "busy", Upstream: 503}
		case 2:
			return []any{in.Value(), in.Value()}, nil
		}
		t.Errorf("item %d was executed", in.Index())
		return nil, nil
	})
	j := newJournal()
	j.results["find.0"] = `{"items":[0]}`
	trace := &tracer{}
	execute(t, flow, numbers(4), flows.Env{Trace: trace, Journal: j})
	wanted := []flows.ItemOutcome{
		{Item: 0, Replayed: true, Out: 1},
		{Item: 1, Attempts: 3, Error: "busy"},
		{Item: 2, Attempts: 1, Out: 2},
		{Item: 3, Out: 1},
	}
	if diff := cmp.Diff(wanted, timeless(t, trace.of("find"))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if each := trace.of("split").Outcomes; each != nil {
		t.Errorf("a step that only computes recorded %v", each)
	}
}

// Of many items the first are recorded, and of the others those that failed; both up to a maximum.
func TestToldItemsAreBounded(t *testing.T) {
	t.Parallel()
	flow := parseProbe(t, "  - split: .[]\n  - name: find\n    probe:\n    on_error: skip\n", func(_ context.Context, in *flows.Input) ([]any, error) {
		if in.Index() >= 100 {
			return nil, &flows.Error{Message: "no"}
		}
		return []any{in.Value()}, nil
	})
	trace := &tracer{}
	execute(t, flow, numbers(300), flows.Env{Trace: trace})
	each := trace.of("find").Outcomes
	if len(each) != 100 || each[49].Item != 49 || each[50].Item < 100 || each[99].Error != "no" {
		t.Errorf("recorded %d items: %v", len(each), each)
	}
	for i := 1; i < len(each); i++ {
		if each[i].Item <= each[i-1].Item {
			t.Errorf("item %d after %d", each[i].Item, each[i-1].Item)
		}
	}
}

// A step that only computes records the items that failed. A step with redact records the code and not the message,
// which may quote masked values.
func TestFailedItemsAreTold(t *testing.T) {
	t.Parallel()
	flow := parse(t, `
  - split: .[]
  - name: check
    filter: if . == 1 then error("planted-secret") else true end
    on_error: skip
  - name: masked
    filter: if . == 2 then error("planted-secret") else true end
    on_error: continue
    redact: token
`)
	trace := &tracer{}
	execute(t, flow, numbers(3), flows.Env{Trace: trace})
	if each := timeless(t, trace.of("check")); len(each) != 1 || each[0].Item != 1 || each[0].Error == "" {
		t.Errorf("recorded %v", each)
	}
	if diff := cmp.Diff([]flows.ItemOutcome{{Item: 1, Error: "expression"}}, timeless(t, trace.of("masked"))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Items that are stopped because another one failed are recorded as stopped, not as failed.
func TestStoppedItemsAreTold(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	flow := parseProbe(t, "  - split: .[]\n  - name: find\n    probe:\n    concurrency: 2\n", func(ctx context.Context, in *flows.Input) ([]any, error) {
		if in.Index() == 0 {
			close(begun)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		<-begun
		return nil, &flows.Error{Message: "no"}
	})
	trace := &tracer{}
	if _, err := flow.Execute(t.Context(), flows.Run{Event: numbers(2)}, flows.Env{Trace: trace}); err == nil {
		t.Fatal("it did not fail")
	}
	wanted := []flows.ItemOutcome{{Item: 0, Attempts: 1, Error: "stopped before it ended"}, {Item: 1, Attempts: 1, Error: "no"}}
	if diff := cmp.Diff(wanted, timeless(t, trace.of("find"))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// The error of a step with redact does not quote what the other side answered.
func TestErrorsOfAStepWithRedact(t *testing.T) {
	t.Parallel()
	for attributes, want := range map[string]string{"": "status 422: card 4111", "redact: card": "status 422"} {
		flow := parseProbe(t, "  - probe:\n    "+attributes+"\n", func(context.Context, *flows.Input) ([]any, error) {
			return nil, &flows.Error{Message: "status 422", Excerpt: "card 4111", Upstream: 422}
		})
		j := newJournal()
		_, err := flow.Execute(t.Context(), flows.Run{}, flows.Env{Journal: j})
		if known := new(flows.Error); !errors.As(err, &known) || known.Message != want {
			t.Errorf("%q: %v, want %s", attributes, err, want)
		}
		if recorded := string(j.results["probe.0"]); !strings.Contains(recorded, `"message":"`+want+`"`) {
			t.Errorf("%q: recorded %s", attributes, recorded)
		}
	}
}
