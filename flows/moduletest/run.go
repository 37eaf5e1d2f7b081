package moduletest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// RunIn is Run in an environment, whose connections are replaced.
func RunIn(t *testing.T, module flows.Module, client flows.Client, step string, event any, env flows.Env) ([]any, error) {
	t.Helper()
	source := "flow: 7\nsteps:\n  - " + strings.ReplaceAll(strings.TrimSpace(step), "\n", "\n    ") + "\n"
	flow, err := flows.Parse("flow.yaml", []byte(source), steps.Catalogue().Add(module))
	if err != nil {
		t.Fatalf("%v\n%s", err, source)
	}
	env.Connections = Connections{"bus": client}
	return flow.Execute(t.Context(), flows.Run{ID: "run", Attempt: 1, Event: event}, env)
}

// RunAfterLoss executes a step as Run does, in a worker that is lost after the step's effects and before their results are
// recorded; then again, as the worker that takes over. It returns what the second one puts out.
func RunAfterLoss(t *testing.T, module flows.Module, client flows.Client, step string, event any) ([]any, error) {
	t.Helper()
	starts := &startsOnly{started: map[string]bool{}}
	if _, err := RunIn(t, module, client, step, event, flows.Env{Journal: starts}); err != nil {
		t.Fatalf("before the worker was lost: %v", err)
	}
	if len(starts.started) == 0 {
		t.Fatal("the step has no effect that is recorded")
	}
	return RunIn(t, module, client, step, event, flows.Env{Journal: starts})
}

// startsOnly is the journal of workers that are lost before they record a result.
type startsOnly struct {
	mu      sync.Mutex
	started map[string]bool // guarded by mu
}

// Start implements flows.Journal.
func (j *startsOnly) Start(_ context.Context, key string, _ flows.Effect) (flows.Recorded, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	known := flows.Recorded{Started: j.started[key]}
	j.started[key] = true
	return known, nil
}

// Finish implements flows.Journal: nothing is recorded.
func (j *startsOnly) Finish(context.Context, string, []byte) error { return nil }

// Uncertain reports whether a run failed because an effect was begun and left no result.
func Uncertain(err error) bool {
	var failed *flows.Error
	return errors.As(err, &failed) && failed.Code == flows.CodeUncertain
}

// Check returns the problems of a step, as YAML, of the module; nil: there are none.
func Check(module flows.Module, step string) error {
	return check(module, "steps:\n  - "+strings.ReplaceAll(strings.TrimSpace(step), "\n", "\n    "))
}

// Examples tests that the examples of the module's kinds and sources are valid.
func Examples(t *testing.T, module flows.Module) {
	t.Helper()
	for _, k := range module.Kinds {
		if err := Check(module, k.Example); err != nil {
			t.Errorf("the example of %s: %v", k.Name, err)
		}
	}
	for _, s := range module.Sources {
		if err := check(module, "trigger:\n  "+s.Example+"\nsteps: [{transform: .}]"); err != nil {
			t.Errorf("the example of the trigger %s: %v", s.Name, err)
		}
	}
}

func check(module flows.Module, rest string) error {
	_, err := flows.Parse("flow.yaml", []byte("flow: 7\n"+rest+"\n"), steps.Catalogue().Add(module))
	return err
}
