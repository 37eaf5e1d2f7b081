package steps_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/flows"
)

const called = `flow: 7
slug: other
run: {limit: 1s}
steps:
  - name: inner
    transform: '., {of: $event.n, flow: $run.flow}'
  - probe:
    if: .n != null
  - fail: {message: not 3, code: three}
    if: .n == 3
`

func TestCallPutsOutTheItemsOfTheOtherFlow(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, "  - split: .[]\n  - name: origin\n    transform: .\n  - call: other\n    event: {n: '${ . }'}\n    on_error: continue\n  - transform: '[(.n // .error.step // .), $steps.origin]'\n")
	r.others["other"] = r.parse(called)
	r.done([]any{1, 3}, `[[1,1],[{"flow":7,"of":1},1],["call/fail",3]]`)
	r.sawEffects(2)
	want := []string{"call.0.flow other", "call.0/probe.0", "call.1.flow other", "call.1/probe.0"}
	for i, key := range r.keys() {
		if key != want[i] {
			t.Errorf("journal has %s, want %s", key, want[i])
		}
	}
	r.done([]any{1, 3}, `[[1,1],[{"flow":7,"of":1},1],["call/fail",3]]`)
	r.sawEffects(2)
}

// A resumed run calls the version that it began to call.
func TestCallKeepsTheVersion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newDurableRun(t, "  - call: other\n")
		r.others["other"] = r.parse("flow: 7\nsteps: [{delay: 1h}, {transform: '\"old\"'}]\n")
		r.parked(1)
		r.others["7"] = r.others["other"]
		r.others["other"] = r.parse("flow: 7\nsteps: [{transform: '\"new\"'}]\n")
		time.Sleep(time.Hour)
		r.done(1, `["old"]`)
	})
}

func TestCallsHaveAnEnd(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, "  - call: other\n")
	r.others["other"] = r.parse("flow: 7\nsteps: [{probe: }, {call: other}]\n")
	e := r.fails(1, flows.CodeLimit, "deeper than 8")
	if e.Step != "call/call/call/call/call/call/call/call/call" {
		t.Errorf("failed at %s", e.Step)
	}
	r.sawEffects(8)
}

func TestCallNeedsAFlow(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, "  - call: other\n")
	r.fails(1, flows.CodeStepFailed, `there is no flow "other"`)
	r.env.Flows = nil
	r.fails(1, flows.CodeStepFailed, "no other flows here")
}

// A called flow does not respond to the caller, and its event must match its schema.
func TestCalledFlowIsNoDoor(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, "  - call: other\n")
	r.others["other"] = r.parse("flow: 7\ntrigger: {webhook: {schema: {type: integer}}}\nsteps:\n  - respond: {text: no}\n  - probe:\n    after_response: true\n")
	r.done(1, "[1]")
	r.sawEffects(1)
	if len(r.answers) != 0 {
		t.Errorf("answered %v", r.answers)
	}
	if e := r.fails("text", flows.CodeValidation, "event: got string"); e.Step != "call" {
		t.Errorf("failed at %q", e.Step)
	}
}

func TestCallWithoutWaiting(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, "  - call: {flow: other, wait: false, event: {n: '${ . }'}}\n")
	r.done(1, `[{"flow":"other","run_id":"new-run"}]`)
	r.done(1, `[{"flow":"other","run_id":"new-run"}]`)
	if len(r.emitted) != 1 || r.emitted[0].Key != "step:run.call.0" || string(flows.EncodeJSON(r.emitted[0].Event)) != `{"n":1}` {
		t.Errorf("emitted %v", r.emitted)
	}
}

func TestEmitStartsRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newDurableRun(t, "  - split: .[]\n  - emit: {flow: a, after: 1h}\n  - emit: {flow: b, at: '2000-01-03T00:00:00Z', key: 'k-${ . }', event: '${ . * 2 }'}\n    concurrency: 1\n")
		for range 2 {
			r.done([]any{1, 2}, "[1,2]")
		}
		if len(r.emitted) != 4 {
			t.Fatalf("emitted %v", r.emitted)
		}
		if e := r.emitted[0]; e.Flow != "a" || !e.At.Equal(time.Now().Add(time.Hour)) || e.Window != 24*time.Hour {
			t.Errorf("emitted %+v", e)
		}
		if e := r.emitted[3]; e.Flow != "b" || e.At.Day() != 3 || e.Key != "key:k-2" || e.Event != 4 {
			t.Errorf("emitted %+v", e)
		}
	})
}

func TestEmitThatIsRefused(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, "  - emit: gone\n    on_error: continue\n  - emit: other\n")
	output, err := r.attempt(1)
	if err != nil || len(output) != 1 {
		t.Fatal(output, err)
	}
	r = newDurableRun(t, "  - emit: other\n")
	r.env.Emit = nil
	r.fails(1, flows.CodeStepFailed, "no runs can be started here")
	var e *flows.Error
	if _, err := newDurableRun(t, "  - emit: gone\n").attempt(1); !errors.As(err, &e) || e.Step != "emit" {
		t.Errorf("%v", err)
	}
}
