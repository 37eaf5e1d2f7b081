package steps_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/snapshot"
)

const pupils = `
  - split: .[]
  - changes: pupils
    key: ${ .id }
    steps:
      - probe: {}
      - transform: '.kind + .key'
`

// failingState fails an operation by its number, from 1, before or after it has been done, as when the reply or the worker is
// lost.
type failingState struct {
	flows.State
	fail  int
	after bool
	done  int
}

func (s *failingState) Swap(ctx context.Context, c flows.Change) (flows.Swapped, error) {
	if s.done++; s.done == s.fail && !s.after {
		return flows.Swapped{}, errors.New("lost")
	}
	done, err := s.State.Swap(ctx, c)
	if s.done == s.fail {
		return flows.Swapped{}, errors.New("lost")
	}
	return done, err
}

// as executes the flow as another run, with the same state.
func (r *durableRun) as(run, event string) (string, error) {
	r.t.Helper()
	v, err := flows.DecodeJSON([]byte(event))
	if err != nil {
		r.t.Fatal(err)
	}
	output, err := r.flow.Execute(r.t.Context(), flows.Run{ID: run, Event: v}, r.env)
	return string(flows.EncodeJSON(output)), err
}

// wants executes the flow as another run that must succeed, with a journal of its own.
func (r *durableRun) wants(run, event, want string) {
	r.t.Helper()
	r.env.Journal = newJournal()
	if got, err := r.as(run, event); err != nil || got != want {
		r.t.Errorf("%s puts out %s, want %s (%v)", run, got, want, err)
	}
}

// newJournal returns an empty journal.
func newJournal() *durableRun {
	return &durableRun{started: map[string]bool{}, results: map[string]string{}}
}

func TestChangesSinceTheLastRun(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, pupils)
	r.wants("a", `[{"id":1},{"id":2}]`, `["new1","new2"]`)
	r.wants("b", `[{"id":2},{"id":1}]`, `[]`)
	r.wants("c", `[{"id":1,"name":"x"},{"id":3}]`, `["changed1","new3","gone2"]`)
	r.wants("d", `[{"id":1,"name":"x"},{"id":3}]`, `[]`)
}

// A run that is lost at any operation continues, with each effect once, and leaves what a run without faults leaves; a new run
// in its place finds all that was not done.
func TestChangesOfARunThatIsLost(t *testing.T) {
	t.Parallel()
	for fail := 1; ; fail++ {
		lost := 0
		for _, after := range []bool{false, true} {
			for _, resumed := range []bool{true, false} {
				r := newDurableRun(t, pupils)
				r.wants("a", `[{"id":1},{"id":2}]`, `["new1","new2"]`)
				r.wants("b", `[{"id":1},{"id":2}]`, `[]`)
				r.effects = nil
				state := &failingState{State: r.memory, fail: fail, after: after}
				r.env.State, r.env.Journal = state, newJournal()
				const list = `[{"id":1},{"id":3}]`
				if _, err := r.as("c", list); err == nil {
					continue
				}
				lost++
				replaced := strings.Contains(headOf(r), `"run":"c"`)
				if r.env.State = r.memory; resumed {
					if got, err := r.as("c", list); err != nil || got != `["new3","gone2"]` {
						t.Errorf("fault %d, after %v: the run puts out %s, %v", fail, after, got, err)
					}
					r.sawEffects(2)
				} else if replaced {
					r.wants("d", list, `[]`)
				} else {
					r.wants("d", list, `["new3","gone2"]`)
				}
				r.wants("e", list, `[]`)
			}
		}
		if lost == 0 {
			if fail < 4 {
				t.Errorf("%d faults", fail-1)
			}
			return
		}
	}
}

// headOf returns the head of the snapshot.
func headOf(r *durableRun) string {
	text, err := r.memory.Load(r.t.Context(), "flow/1/changes/pupils")
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

// A step that fails leaves the snapshot; the next run finds the same changes, and later ones.
func TestChangesAfterAFailure(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, strings.ReplaceAll(pupils, "transform: '.kind + .key'", "transform: 'if .item.bad then error(\"no\") else .kind + .key end'"))
	r.wants("a", `[{"id":1}]`, `["new1"]`)
	r.env.Journal = newJournal()
	if _, err := r.as("b", `[{"id":2},{"id":1,"bad":true}]`); err == nil {
		t.Error("the run succeeded")
	}
	r.wants("c", `[{"id":1},{"id":2},{"id":3}]`, `["new2","new3"]`)
}

// Of two runs at once the one that ends first replaces the snapshot, and no change is lost.
func TestChangesOfTwoRunsAtOnce(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, pupils)
	r.wants("a", `[{"id":1}]`, `["new1"]`)
	slow := newJournal()
	r.env.Journal, r.env.State = slow, &failingState{State: r.memory, fail: 1}
	if _, err := r.as("slow", `[{"id":1},{"id":2}]`); err == nil {
		t.Error("the run was not lost")
	}
	r.env.State = r.memory
	r.wants("fast", `[{"id":1},{"id":3}]`, `["new3"]`)
	r.env.Journal = slow
	if _, err := r.as("slow", `[{"id":1},{"id":2}]`); err == nil || !strings.Contains(err.Error(), "another run has replaced the snapshot") {
		t.Errorf("%v", err)
	}
	r.wants("next", `[{"id":1},{"id":2},{"id":3}]`, `["new2"]`)
}

// interruptedState calls a function before its first change.
type interruptedState struct {
	flows.State
	before func()
}

func (s *interruptedState) Swap(ctx context.Context, c flows.Change) (flows.Swapped, error) {
	if before := s.before; before != nil {
		s.before = nil
		before()
	}
	return s.State.Swap(ctx, c)
}

// A run that ends while another one is about to replace the snapshot keeps the other one from it.
func TestASnapshotIsReplacedByOneRun(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, pupils)
	r.wants("a", `[{"id":1}]`, `["new1"]`)
	r.env.Journal = newJournal()
	r.env.State = &interruptedState{State: r.memory, before: func() {
		other := r.env
		other.State, other.Journal = r.memory, newJournal()
		list := []any{map[string]any{"id": json.Number("1")}, map[string]any{"id": json.Number("3")}}
		if _, err := r.flow.Execute(t.Context(), flows.Run{ID: "fast", Event: list}, other); err != nil {
			t.Error(err)
		}
	}}
	if _, err := r.as("slow", `[{"id":1},{"id":2}]`); err == nil || !strings.Contains(err.Error(), "another run has replaced the snapshot") {
		t.Errorf("%v", err)
	}
	r.env.State = r.memory
	r.wants("next", `[{"id":1},{"id":2},{"id":3}]`, `["new2"]`)
}

// A run whose changes step is done continues after other runs.
func TestChangesThatAreDone(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, pupils+"  - transform: 'if $run.attempt == 1 then error(\"no\") else . end'\n")
	first := newJournal()
	r.env.Journal = first
	execute := func(run string, attempt int) (string, error) {
		output, err := r.flow.Execute(t.Context(), flows.Run{ID: run, Attempt: attempt, Event: []any{map[string]any{"id": json.Number("1")}}}, r.env)
		return string(flows.EncodeJSON(output)), err
	}
	if _, err := execute("a", 1); err == nil {
		t.Error("the first attempt succeeded")
	}
	for _, run := range []string{"b", "c"} {
		r.env.Journal = newJournal()
		if got, err := execute(run, 2); err != nil || got != "[]" {
			t.Errorf("%s: %s, %v", run, got, err)
		}
	}
	r.env.Journal = first
	if got, err := execute("a", 2); err != nil || got != `["new1"]` {
		t.Errorf("%s, %v", got, err)
	}
}

func TestALargeSnapshot(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, strings.Replace(pupils, "      - probe: {}\n", "", 1))
	list := func(n int, name string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,{"id":%d,"name":%q}`, i, name)
		}
		return "[" + strings.TrimPrefix(b.String(), ",") + "]"
	}
	r.env.Journal = newJournal()
	if _, err := r.as("a", list(20_000, "a")); err != nil {
		t.Fatal(err)
	}
	head, err := snapshot.Parse([]byte(headOf(r)))
	if err != nil || head.Keys != 20_000 || head.Chunks < 2 {
		t.Errorf("%+v, %v", head, err)
	}
	r.wants("b", list(20_000, "a"), "[]")
	r.wants("c", list(19_999, "a"), `["gone19999"]`)
}

func TestASnapshotIsRemoved(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, pupils)
	r.wants("a", `[{"id":1}]`, `["new1"]`)
	r.wants("b", `[{"id":1},{"id":2}]`, `["new2"]`)
	store := snapshot.Store{State: r.memory, Key: r.flow.SnapshotKey("pupils")}
	head, err := store.Head(t.Context())
	if err != nil || head.Run != "b" || head.Keys != 2 {
		t.Errorf("%+v, %v", head, err)
	}
	if err := store.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{head.ID, head.BeforeID} {
		if text, err := r.memory.Load(t.Context(), store.Key+"/"+id+"/0"); text != nil || err != nil {
			t.Errorf("left %s, %v", text, err)
		}
	}
	r.wants("c", `[{"id":1}]`, `["new1"]`)
}
