package flows

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"sync"
)

// mockResult returns the mocked result of a step in a test; ok is false when the step is to be executed.
func (p *stepRun) mockResult(ctx context.Context, in *Input) (items []any, ok bool, err error) {
	v, ok := p.step.mock(p.x.mocks)
	if !ok {
		if p.step.effect == Pure || p.step.internalOnly {
			return nil, false, nil
		}
		return nil, true, fmt.Errorf("this step reaches the world and the test has no mock for %s", p.step.path)
	}
	if canned, is := v.(*cannedResponses); is {
		items, err = p.runCanned(ctx, in, canned)
		return items, true, err
	}
	items, err = p.mocked(v, p.x.sequence)
	return items, true, err
}

// mock returns the mock of the step: that of its name, of its operation, of its kind, or the example of its operation.
func (s *step) mock(mocks map[string]any) (any, bool) {
	for _, key := range []string{s.name, s.operation(), s.kind} {
		if v, ok := mocks[key]; ok && key != "" {
			return v, true
		}
	}
	if s.uses == nil || s.uses.example == nil {
		return nil, false
	}
	canned, err := newCannedResponses(s.uses.example)
	if err != nil {
		return nil, false
	}
	canned.example = true
	return canned, true
}

// operation returns the operation of a connector that the step executes; empty: none.
func (s *step) operation() string {
	if s.uses == nil {
		return ""
	}
	return s.uses.ref
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
	Mock string // key in the mocks of a test: the step's name, or its operation, or its kind
}

// ExternalSteps lists these steps in the order of the file.
func (f *Flow) ExternalSteps() []ExternalStep { return f.externalSteps }

// noteExternalStep records a step whose effect is known.
func (c *compiler) noteExternalStep(s *step) {
	if s.effect != Pure && s.effect != Durable && s.nestedRunner == nil {
		c.flow.externalSteps = append(c.flow.externalSteps, ExternalStep{s.path, cmp.Or(s.name, s.operation(), s.kind)})
	}
}

// RunWithMocks executes the flow as its tests do: without network; steps with effects put out the mocks.
func (f *Flow) RunWithMocks(ctx context.Context, run Run, mocks map[string]any) ([]any, error) {
	return f.runTest(ctx, &test{run: run, mocks: mocks}, nil, nil)
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
