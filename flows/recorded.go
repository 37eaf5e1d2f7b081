package flows

import (
	"cmp"
	"context"
	"sync"
)

// Reached is a step that does something to the world, or asks it something.
type Reached struct {
	Path string // as traces name it: "switch.else.http"
	Mock string // as the mocks of a test name it: its name, or its kind
}

// Reaches lists those steps, in the order of the file.
func (f *Flow) Reaches() []Reached { return f.reaches }

// reaching notes a step whose effects are known.
func (c *compiler) reaching(s *step) {
	if s.effect != Pure && s.effect != Durable && s.nester == nil {
		c.flow.reaches = append(c.flow.reaches, Reached{s.path, cmp.Or(s.name, s.kind)})
	}
}

// Try executes the flow as its tests do: without network, steps that reach
// the world put out what the mocks say.
func (f *Flow) Try(ctx context.Context, run Run, mocks map[string]any) ([]any, error) {
	return f.try(ctx, &test{run: run, mocks: mocks})
}

// turns counts how often the steps of a test have put out a mock.
type turns struct {
	mu   sync.Mutex
	next map[string]int // guarded by mu; by path
}

// take returns the answer whose turn it is at a step, the last one when all
// have been given.
func (t *turns) take(path string, answers []any) any {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(t.next[path], len(answers)-1)
	t.next[path]++
	return answers[n]
}
