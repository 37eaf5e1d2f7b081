package flows

import (
	"cmp"
	"context"
	"sync"
)

// ExternalStep is a step with an effect outside of Penstock, reads included.
type ExternalStep struct {
	Path string // as in traces: "switch.else.http"
	Mock string // key in the mocks of a test: the step's name, or its kind
}

// ExternalSteps lists these steps in the order of the file.
func (f *Flow) ExternalSteps() []ExternalStep { return f.externalSteps }

// noteExternalStep records a step whose effect is known.
func (c *compiler) noteExternalStep(s *step) {
	if s.effect != Pure && s.effect != Durable && s.nestedRunner == nil {
		c.flow.externalSteps = append(c.flow.externalSteps, ExternalStep{s.path, cmp.Or(s.name, s.kind)})
	}
}

// RunWithMocks executes the flow as its tests do: without network; steps with effects put out the mocks.
func (f *Flow) RunWithMocks(ctx context.Context, run Run, mocks map[string]any) ([]any, error) {
	return f.runTest(ctx, &test{run: run, mocks: mocks})
}

// mockSequence counts the mocks that each step of a test has put out.
type mockSequence struct {
	mu    sync.Mutex
	taken map[string]int // guarded by mu; by path
}

// next returns the next answer for a step; the last one again when all have been used.
func (t *mockSequence) next(path string, answers []any) any {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(t.taken[path], len(answers)-1)
	t.taken[path]++
	return answers[n]
}
