package flows

import (
	"encoding/json"
	"fmt"
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
	if object, _ := v.(map[string]any); len(object) == 1 {
		if answers, _ := object["each"].([]any); len(answers) > 0 {
			v = p.x.sequence.next(p.path(), answers)
		}
	}
	if list, many := v.([]any); many {
		return list, true, nil
	}
	if object, _ := v.(map[string]any); len(object) == 1 {
		if told, fails := object["error"].(map[string]any); fails {
			message, _ := told["message"].(string)
			return nil, true, &Error{Code: CodeStepFailed, Message: message, Upstream: asInt(told["status"])}
		}
	}
	return []any{v}, true, nil
}

// asInt converts a literal number to an int; 0 for anything else.
func asInt(v any) int {
	n, _ := v.(json.Number)
	i, _ := n.Int64()
	return int(i)
}
