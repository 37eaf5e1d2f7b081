package flows

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"sync"
)

// mockResult returns the mocked result of a step in a test; ok is false when the step is to be executed.
func (p *stepRun) mockResult() (items []any, ok bool, err error) {
	v, ok := p.x.mocks[p.step.name]
	if !ok || p.step.name == "" {
		v, ok = p.x.mocks[p.step.kind]
	}
	if !ok {
		if p.step.effect == Pure || p.step.internalOnly {
			return nil, false, nil
		}
		return nil, true, fmt.Errorf("this step reaches the world and the test has no mock for %s", p.step.path)
	}
	items, err = p.mocked(v, p.x.sequence)
	return items, true, err
}

// mocked returns what a mock stands for.
func (p *stepRun) mocked(v any, sequence *mockSequence) ([]any, error) {
	if object, _ := v.(map[string]any); len(object) == 1 {
		if answers, _ := object["each"].([]any); len(answers) > 0 {
			v = sequence.next(p.path(), answers)
		}
	}
	if list, many := v.([]any); many {
		return list, nil
	}
	if object, _ := v.(map[string]any); len(object) == 1 {
		if told, fails := object["error"].(map[string]any); fails {
			message, _ := told["message"].(string)
			return nil, &Error{Code: CodeStepFailed, Message: message, Upstream: asInt(told["status"])}
		}
	}
	return []any{v}, nil
}

// asInt converts a literal number to an int; 0 for anything else.
func asInt(v any) int {
	n, _ := v.(json.Number)
	i, _ := n.Int64()
	return int(i)
}

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
	return f.runTest(ctx, &test{run: run, mocks: mocks}, nil)
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
