package flows

import (
	"encoding/json"
	"fmt"
)

// mocked is what a step puts out in a test; false: the step runs.
func (p *passage) mocked() (items []any, err error, ok bool) {
	v, ok := p.x.mocks[p.step.name]
	if !ok || p.step.name == "" {
		v, ok = p.x.mocks[p.step.kind]
	}
	if !ok {
		if p.step.effect == Pure {
			return nil, nil, false
		}
		return nil, fmt.Errorf("this step reaches the world and the test has no mock for %s", p.step.path), true
	}
	if list, many := v.([]any); many {
		return list, nil, true
	}
	if object, _ := v.(map[string]any); len(object) == 1 {
		if told, fails := object["error"].(map[string]any); fails {
			message, _ := told["message"].(string)
			return nil, &Error{Code: CodeStepFailed, Message: message, Upstream: whole(told["status"])}, true
		}
	}
	return []any{v}, nil, true
}

// whole is a number of a literal as an int, 0 for anything else.
func whole(v any) int {
	n, _ := v.(json.Number)
	i, _ := n.Int64()
	return int(i)
}
