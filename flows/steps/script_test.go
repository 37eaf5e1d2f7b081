package steps_test

import (
	"context"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
)

func TestScriptMistakes(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]string{
		"script: {}":                                       "code is missing",
		"script: return 1 +":                               "line 2 of the script: SyntaxError",
		"script: 'return nobody.x +; '":                    "line 1 of the script: SyntaxError",
		"script: return steps.nobody":                      "nobody",
		"script: {code: 'const {find} = steps; return 1'}": "line 1 of the script: steps are the earlier steps: write steps.NAME",
		"script: 'return steps[item.name]'":                "write steps.NAME",
		"script: 'return `${steps}`'":                      "write steps.NAME",
		"script: 'return `${`${{a: steps.nobody}.a}`}`'":   "nobody",
		"script: 'return steps[\"nobody\"]'":               "nobody",
		"script: 'return /a/.test(1) || 4 / steps.nobody'": "nobody",
		"script: {code: return 1, max_time: 6s}":           "max_time is from 1ms to 5s",
		"script: {code: return 1, max_memory: 1MB}":        "max_memory is from 4 MB to 256 MB",
	} {
		if _, err := oneStep(step); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", step, err, want)
		}
	}
	for _, step := range []string{
		"script: return item.steps + 'mysteps' + steps_",
		"script: return `${item.a}`",
		"script: |\n      // the steps of it, steps.first too\n      /* steps\n      */ return {steps: 'two steps', \"steps\": item.steps, ...{steps :1}}",
		"script: 'return `steps ${item.a} steps.nobody \\` steps`'",
		"script: 'return item.a.replace(/[/] steps `/g, \"it\\\"s steps\").steps'",
		"script: 'if (item.a) /\"/.test(item.b); return \"steps.\" + item.a'",
	} {
		if _, err := oneStep(step); err != nil {
			t.Errorf("%s: %v", step, err)
		}
	}
}

// scripts records the scripts that it evaluates.
type scripts struct{ asked []*flows.Script }

func (s *scripts) Eval(_ context.Context, script *flows.Script) (flows.ScriptResult, error) {
	s.asked = append(s.asked, script)
	return flows.ScriptResult{Items: []byte(`[{"id":"` + script.Mark + `9007199254740993","text":"` + script.Mark + `x"}]`)}, nil
}

// Scripts are evaluated in another process, and receive only the values that they name.
func TestScriptIsEvaluatedElsewhere(t *testing.T) {
	t.Parallel()
	flow, err := oneStep("script: {code: 'return [item.id, vars.x]', max_time: 1s, max_memory: 64MB}")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := &scripts{}
	items, err := flow.Execute(t.Context(), flows.Run{ID: "r", Attempt: 1, Event: event(t, `{"id": 9007199254740993}`)}, flows.Env{Scripts: elsewhere})
	if err != nil {
		t.Fatal(err)
	}
	asked := elsewhere.asked[0]
	if want := `{"item":{"id":"` + asked.Mark + `9007199254740993"},"vars":{}}`; string(asked.Input) != want || len(asked.Mark) < 30 {
		t.Errorf("input %s, want %s", asked.Input, want)
	}
	if asked.Time.String() != "1s" || asked.Memory != 64_000_000 {
		t.Errorf("bounds %v, %d", asked.Time, asked.Memory)
	}
	if got, want := string(flows.EncodeJSON(items)), `[{"id":9007199254740993,"text":"`+asked.Mark+`x"}]`; got != want {
		t.Errorf("items %s, want %s", got, want)
	}
}
