package flows

import (
	"cmp"
	"context"
	"sync"
)

// ExternalStep is a step that does something to the world, or asks it something.
type ExternalStep struct {
	Path string // as traces name it: "switch.else.http"
	Mock string // as the mocks of a test name it: its name, or its kind
}

// ExternalSteps lists those steps, in the order of the file.
func (f *Flow) ExternalSteps() []ExternalStep { return f.externalSteps }

// noteExternalStep notes a step whose effects are known.
func (c *compiler) noteExternalStep(s *step) {
	if s.effect != Pure && s.effect != Durable && s.nestedRunner == nil {
		c.flow.externalSteps = append(c.flow.externalSteps, ExternalStep{s.path, cmp.Or(s.name, s.kind)})
	}
}

// RunWithMocks executes the flow as its tests do: without network, steps that reach
// the world put out what the mocks say.
func (f *Flow) RunWithMocks(ctx context.Context, run Run, mocks map[string]any) ([]any, error) {
	return f.runTest(ctx, &test{run: run, mocks: mocks})
}

// mockSequence counts how often the steps of a test have put out a mock.
type mockSequence struct {
	mu    sync.Mutex
	taken map[string]int // guarded by mu; by path
}

// next returns the answer whose turn it is at a step, the last one when all
// have been given.
func (t *mockSequence) next(path string, answers []any) any {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(t.taken[path], len(answers)-1)
	t.taken[path]++
	return answers[n]
}
