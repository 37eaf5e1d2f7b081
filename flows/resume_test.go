package flows_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
)

// resumed is a flow with effects at several places.
const resumed = `
  - name: ask
    http: {get: "https://example.org/a"}
  - name: each
    lock:
      key: a
      steps:
        - name: charge
          http: {post: "https://example.org/charge", json: {}}
        - name: tell
          http: {put: "https://example.org/tell", json: {}}
          on_error: continue
  - name: other
    call: count
  - name: wait
    wait_for: {within: 1h, steps: [{name: send, http: {post: "https://example.org/ask", json: {}}}]}
  - name: choose
    switch:
      - when: .a
        steps: [{name: small, http: {post: "https://example.org/small", json: {}}}]
  - name: both
    parallel:
      - steps: [{name: left, http: {post: "https://example.org/left", json: {}}}]
      - steps: [{name: right, http: {post: "https://example.org/right", json: {}}}]
    join: any
  - name: careful
    http: {post: "https://example.org/careful", json: {}}
    on_error: {steps: [{name: alert, http: {post: "https://example.org/alert", json: {}}}]}
  - name: last
    http: {post: "https://example.org/last", json: {}}
    on_uncertain: rerun
`

// What a resumed run does with each entry of the journal.
func TestWhatAResumedRunKeeps(t *testing.T) {
	t.Parallel()
	const done, failed, handled = `{"items":[1]}`, `{"failed":{"code":"step_failed","message":"503"}}`, `{"failed":{"code":"step_failed","message":"503","handled":true}}`
	for _, c := range []struct {
		name    string
		journal map[string]string // "": begun
		options flows.ResumeOptions
		steps   string // step action kept/repeated/uncertain of those that have a journal
		remove  []string
		set     string
		again   []string // effects that get another key
		refused string
	}{
		{name: "nothing was done", steps: ""},
		{name: "results are kept", journal: map[string]string{"ask.0": done, "each.charge.0.0": done}, steps: "ask keep 1/0/0, each.charge keep 1/0/0"},
		{name: "a failure is repeated", journal: map[string]string{"ask.0": done, "each.charge.0.0": done, "each.charge.0.1": failed},
			steps: "ask keep 1/0/0, each.charge repeat 1/1/0", remove: []string{"each.charge.0.1"}},
		{name: "a failure that on_error handled is kept", journal: map[string]string{"each.tell.0.0": handled}, steps: "each.tell keep 1/0/0"},
		{name: "a step that was begun is uncertain", journal: map[string]string{"each.charge.0.0": ""}, steps: "each.charge uncertain 0/0/1"},
		{name: "assumed to be done", journal: map[string]string{"each.charge.0.0": ""}, steps: "each.charge keep 1/0/0", set: `each.charge.0.0={"items":[{"id":7}]}`,
			options: flows.ResumeOptions{Assume: map[string]flows.Assumption{"each.charge": {Done: true, Output: []any{map[string]any{"id": 7}}}}}},
		{name: "assumed to be done, without output", journal: map[string]string{"each.charge.0.0": ""}, steps: "each.charge keep 1/0/0", set: `each.charge.0.0={"items":[null]}`,
			options: flows.ResumeOptions{Assume: map[string]flows.Assumption{"each.charge": {Done: true}}}},
		{name: "assumed not to be done", journal: map[string]string{"each.charge.0.0": ""}, steps: "each.charge repeat 0/1/0", remove: []string{"each.charge.0.0"},
			options: flows.ResumeOptions{Assume: map[string]flows.Assumption{"each.charge": {}}}},
		{name: "the flow repeats what is uncertain", journal: map[string]string{"last.0": ""}, steps: "last repeat 0/1/0"},
		{name: "called flows", journal: map[string]string{"other.0/http.0": done, "other.0/http.1": failed, "other.0.flow": `"v1"`},
			steps: "other/http repeat 1/1/0", remove: []string{"other.0/http.1"}},
		{name: "a wait that ended begins anew", journal: map[string]string{"wait.0": failed, "wait.0.expires": `"2026-01-01T00:00:00Z"`},
			steps: "wait repeat 0/1/0", remove: []string{"wait.0", "wait.0.expires"}},
		{name: "a wait with a result is over", journal: map[string]string{"wait.0": done, "wait.0.expires": `"2026-01-01T00:00:00Z"`}, steps: "wait keep 1/0/0"},
		{name: "what an expired wait has sent is sent anew", journal: map[string]string{"wait.0": failed, "wait.0.expires": `"x"`, "wait.send.0.0": done},
			steps: "wait repeat 0/1/0, wait.send repeat 0/1/0", remove: []string{"wait.0", "wait.0.expires", "wait.send.0.0"}, again: []string{"wait.send.0.0"}},
		{name: "a wait that goes on keeps its URL", journal: map[string]string{"wait.0.expires": `"x"`, "wait.send.0.0": done}, steps: "wait.send keep 1/0/0"},
		{name: "from a step on", journal: map[string]string{"ask.0": done, "each.charge.0.0": done, "each.tell.0.0": handled, "last.0": "", "wait.0.expires": `"x"`},
			options: flows.ResumeOptions{From: "each"}, steps: "ask keep 1/0/0, each.charge repeat 0/1/0, each.tell repeat 0/1/0, last repeat 0/1/0",
			remove: []string{"each.charge.0.0", "each.tell.0.0", "last.0", "wait.0.expires"}, again: []string{"each.charge.0.0", "last.0"}},
		{name: "branches have numbers", journal: map[string]string{"choose.1.small.0.0": failed, "both.2.right.0.0": ""},
			steps: "choose.1.small repeat 0/1/0, both.2.right uncertain 0/0/1", remove: []string{"choose.1.small.0.0"}},
		{name: "a branch that parallel has left", journal: map[string]string{"both.1.left.0.0": done, "both.2.right.0.0": "", "both.0.joined": "[1]"}, steps: "both.1.left keep 1/0/0"},
		{name: "a handler that failed", journal: map[string]string{"careful.0": handled, "careful.on_error.alert.0.0": failed},
			options: flows.ResumeOptions{Failed: "careful.on_error.alert"}, steps: "careful repeat 0/1/0, careful.on_error.alert repeat 0/1/0", remove: []string{"careful.0", "careful.on_error.alert.0.0"}},
		{name: "a handler that succeeded", journal: map[string]string{"careful.0": handled, "careful.on_error.alert.0.0": done, "last.0": failed},
			options: flows.ResumeOptions{Failed: "last"}, steps: "careful keep 1/0/0, careful.on_error.alert keep 1/0/0, last repeat 0/1/0", remove: []string{"last.0"}},
		{name: "no answer came", journal: map[string]string{"each.charge.0.0": `{"failed":{"code":"step_failed","ambiguous":true}}`}, steps: "each.charge uncertain 0/0/1"},
		{name: "assumed of single effects", journal: map[string]string{"each.charge.0.0": "", "each.charge.0.1": ""}, steps: "each.charge uncertain 0/1/1", remove: []string{"each.charge.0.1"},
			options: flows.ResumeOptions{Assume: map[string]flows.Assumption{"each.charge.0.1": {}}}},
		{name: "one output for two effects", journal: map[string]string{"each.charge.0.0": "", "each.charge.0.1": ""}, refused: "outputs: 2 effects of the step",
			options: flows.ResumeOptions{Assume: map[string]flows.Assumption{"each.charge": {Done: true, Output: []any{1}}}}},
		{name: "from a nested step", options: flows.ResumeOptions{From: "each.charge"}, refused: `from: the flow has no step "each.charge" that is not nested`},
		{name: "from an unknown step", options: flows.ResumeOptions{From: "nowhere"}, refused: `from: the flow has no step "nowhere"`},
		{name: "assumed of what is certain", journal: map[string]string{"ask.0": done}, options: flows.ResumeOptions{Assume: map[string]flows.Assumption{"ask": {}}},
			refused: `assume: there is no step or effect "ask" that is uncertain`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			flow := parse(t, resumed)
			plan, err := flow.Resume(flow, entries(c.journal), c.options)
			if refusal := new(flows.ResumeError); errors.As(err, &refusal) || c.refused != "" {
				if got := refusal.Field + ": " + refusal.Message; !strings.HasPrefix(got, c.refused) || c.refused == "" {
					t.Fatalf("refused: %s, want %s", got, c.refused)
				}
				return
			}
			var said []string
			for _, s := range plan.Steps {
				if s.Kept+s.Repeated+len(s.Uncertain) > 0 {
					said = append(said, fmt.Sprintf("%s %s %d/%d/%d", s.Step, s.Action(), s.Kept, s.Repeated, len(s.Uncertain)))
				}
			}
			if got := strings.Join(said, ", "); got != c.steps {
				t.Errorf("steps: %s\nwant:  %s", got, c.steps)
			}
			if diff := cmp.Diff(c.remove, plan.Remove); diff != "" {
				t.Error(diff)
			}
			var again []string
			for key, result := range plan.Set {
				if effect, is := strings.CutSuffix(key, ".again"); is {
					again = append(again, effect)
					delete(plan.Set, key)
					continue
				}
				if got := key + "=" + string(result); got != c.set {
					t.Errorf("set %s, want %s", got, c.set)
				}
			}
			slices.Sort(again)
			if diff := cmp.Diff(c.again, again); diff != "" {
				t.Error(diff)
			}
			if (c.set != "") != (len(plan.Set) == 1) {
				t.Errorf("set: %q", plan.Set)
			}
		})
	}
}

// Another version may continue a run when all steps up to the last one of which something is kept are the same.
func TestAResumedRunOfAnotherVersion(t *testing.T) {
	t.Parallel()
	earlier := parse(t, resumed)
	kept := entries(map[string]string{"ask.0": `{"items":[1]}`, "each.charge.0.0": `{"items":[1]}`})
	for name, c := range map[string]struct{ from, to, differs string }{
		"a later step":        {"example.org/last", "example.org/mended", ""},
		"a comment":           {"  - name: each", "  # all\n  - name: each", ""},
		"an earlier step":     {"example.org/a", "example.org/b", "ask"},
		"a nested step":       {"example.org/tell", "example.org/say", "each"},
		"a step before":       {"  - name: each", "  - set: {a: 1}\n  - name: each", "each"},
		"a step that is gone": {"  - name: ask\n    http: {get: \"https://example.org/a\"}\n", "", "ask, each"},
	} {
		changed := parse(t, strings.Replace(resumed, c.from, c.to, 1))
		_, err := changed.Resume(earlier, kept, flows.ResumeOptions{})
		refusal := new(flows.ResumeError)
		if errors.As(err, &refusal); (refusal.Field == "version") != (c.differs != "") || !strings.HasSuffix(refusal.Message, c.differs) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := changed.Resume(earlier, kept, flows.ResumeOptions{From: "ask"}); err != nil {
			t.Errorf("%s, from the first step: %v", name, err)
		}
	}
}

func entries(journal map[string]string) (all []flows.JournalEntry) {
	for key, result := range journal {
		e := flows.JournalEntry{Key: key}
		if result != "" {
			e.Result = []byte(result)
		}
		all = append(all, e)
	}
	return all
}

// A failure within a step that handles it is kept, in a called flow too.
func TestAResumedRunKeepsWhatAnOuterStepHandled(t *testing.T) {
	t.Parallel()
	flow := parse(t, `
  - lock:
      key: a
      steps: [{http: {post: "https://example.org/", json: {}}}]
    on_error: continue
  - call: other
    on_error: skip
  - http: {get: "https://example.org/"}
`)
	const failed = `{"failed":{"code":"step_failed","message":"503"}}`
	plan, err := flow.Resume(flow, entries(map[string]string{"lock.http.0.0": failed, "call.0/http.0": failed, "http.0": failed}), flows.ResumeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"http.0"}, plan.Remove); diff != "" {
		t.Error(diff)
	}
}

// When an item fails, a once effect of another item that is under way is not interrupted: its result is recorded.
func TestAFailedItemInterruptsNoOnceEffect(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	flow := parseProbe(t, "  - split: .[]\n  - probe:\n    concurrency: 2\n", func(ctx context.Context, in *flows.Input) ([]any, error) {
		if in.Index() == 0 {
			close(begun)
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(50 * time.Millisecond): // the other item fails at once
				return []any{"done"}, nil
			}
		}
		<-begun
		return nil, errors.New("broken")
	})
	j := newJournal()
	_, err := flow.Execute(t.Context(), flows.Run{Event: []any{1, 2}}, flows.Env{Journal: j})
	wantError(t, err, flows.CodeStepFailed, "broken")
	if result := string(j.results["probe.0"]); result != `{"items":["done"],"of":2}` {
		t.Errorf("recorded: %s", result)
	}
}

// What a replay of a run would do again: effects that happened or may have, and not those that failed or only read.
func TestWhatARunHasDone(t *testing.T) {
	t.Parallel()
	const done, failed = `{"items":[1]}`, `{"failed":{"code":"step_failed","message":"503","handled":true}}`
	flow := parseFile(t, "flow: 1\nsteps:"+resumed)
	steps, err := flow.Done(entries(map[string]string{
		"ask.0": done, "each.charge.0.0": done, "each.charge.0.1": "", "each.tell.0.0": failed, "other.0/http.0": done, "last.0": `{"failed":{"code":"step_failed","message":"reset","ambiguous":true}}`,
	}))
	var got []string
	for _, s := range steps {
		got = append(got, fmt.Sprintf("%s %d %d", s.Step, s.Kept, len(s.Uncertain)))
	}
	if want := []string{"each.charge 1 1", "other/http 1 0"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}
