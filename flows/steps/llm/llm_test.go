package llm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

const contact = "{connection: model, model: m, prompt: 'From ${ . }', schema: {type: object, properties: {name: {type: string}}, required: [name]}}"

func TestText(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, shape string) {
		b := newBench(t, shape, "{connection: model, model: '${ \"m\" }', system: Be brief., prompt: ['${ . }'], temperature: 0.5, max_tokens: 50}", said{text: "hello"})
		got := b.one("x")
		want := `{"output":null,"stop":"end","text":"hello","turns":1,"usage":{"cost":0.0003,"input_tokens":100,"output_tokens":10}}`
		if diff := cmp.Diff(want, string(flows.EncodeJSON(got))); diff != "" {
			t.Error(diff)
		}
		want = `{"max_tokens":50,"messages":[{"content":"Be brief.","role":"system"},{"content":"[\"x\"]","role":"user"}],"model":"m","temperature":0.5}`
		if shape == flows.ShapeAnthropic {
			want = `{"max_tokens":50,"messages":[{"content":"[\"x\"]","role":"user"}],"model":"m","system":"Be brief.","temperature":0.5}`
		}
		if diff := cmp.Diff(want, b.request(0)); diff != "" {
			t.Error(diff)
		}
		if b.keys[0] != "run.llm.0.1" {
			t.Errorf("idempotency key %q", b.keys[0])
		}
	})
}

func TestMessages(t *testing.T) {
	t.Parallel()
	b := newBench(t, flows.ShapeOpenAI, "{connection: model, model: m, messages: '${ . }'}", said{text: "ok"})
	b.one([]any{map[string]any{"role": "user", "content": "a"}, map[string]any{"role": "assistant", "content": "b"}, map[string]any{"role": "user", "content": "c"}})
	if !strings.Contains(b.request(0), `[{"content":"a","role":"user"},{"content":"b","role":"assistant"},{"content":"c","role":"user"}]`) {
		t.Error(b.request(0))
	}
	for _, wrong := range []any{nil, []any{}, "text", []any{map[string]any{"role": "system", "content": "a"}}, []any{map[string]any{"role": "assistant", "content": "a"}}} {
		if items, err := newBench(t, flows.ShapeOpenAI, "{connection: model, model: m, messages: '${ . }'}", said{text: "ok"}).attempt(wrong); err == nil {
			t.Errorf("%v gave %v", wrong, items)
		}
	}
}

func TestStructuredOutput(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, shape string) {
		b := newBench(t, shape, contact, said{final: `{"name":"Ada"}`})
		if got := string(flows.EncodeJSON(b.one("Ada")["output"])); got != `{"name":"Ada"}` {
			t.Error(got)
		}
		want := `"response_format":{"json_schema":{"name":"final_answer","schema":{`
		if shape == flows.ShapeAnthropic {
			want = `"tool_choice":{"name":"final_answer","type":"tool"}`
		}
		if !strings.Contains(b.request(0), want) {
			t.Error(b.request(0))
		}
	})
}

// What does not fit is asked for once more, with what is wrong.
func TestRepair(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, shape string) {
		b := newBench(t, shape, contact, said{final: `{"name":7}`}, said{final: `{"name":"Ada"}`})
		got := b.one("Ada")
		if string(flows.EncodeJSON(got["output"])) != `{"name":"Ada"}` || string(flows.EncodeJSON(got["turns"])) != "2" {
			t.Error(got)
		}
		if !strings.Contains(b.request(1), "The answer does not fit the schema") {
			t.Error(b.request(1))
		}
		b = newBench(t, shape, contact, said{final: `{"name":7}`}, said{final: `{}`})
		b.fails("llm_output", "the answer does not fit the schema: ")
		b.sent(2)
		b = newBench(t, shape, contact, said{text: "I am Ada"}, said{text: "```json\n{\"name\":\"Ada\"}\n```"})
		if got := b.one("Ada"); string(flows.EncodeJSON(got["output"])) != `{"name":"Ada"}` {
			t.Error(got)
		}
	})
}

func TestUnfinishedAnswers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, shape string) {
		for stop, code := range map[string]flows.Code{"length": "llm_cut_off", "refusal": "llm_refused", "filter": "llm_filtered"} {
			if shape == flows.ShapeAnthropic && stop == "filter" { // it has no other word than refusal
				code = "llm_refused"
			}
			b := newBench(t, shape, "{connection: model, model: m, prompt: x}\n    retry: {attempts: 3, backoff: 1ms}", said{text: "the text", stop: stop}, said{text: "again"})
			if e := b.fails(code, ""); strings.Contains(e.Message, "the text") {
				t.Error(e)
			}
			b.sent(1)
		}
	})
}

func TestUnusableResponses(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	many := make([]called, 33)
	for i := range many {
		many[i] = called{"double", `{"n":1}`}
	}
	each(t, func(t *testing.T, shape string) {
		for name, test := range map[string]struct {
			answer said
			code   flows.Code
		}{
			"nothing":    {said{raw: "{}"}, "llm_answer"},
			"text":       {said{raw: `"x"`}, "llm_answer"},
			"no JSON":    {said{raw: "<html>"}, flows.CodeStepFailed},
			"deep":       {said{raw: deep}, flows.CodeStepFailed},
			"large":      {said{text: strings.Repeat("x", 5<<20)}, flows.CodeStepFailed},
			"many calls": {said{calls: many}, "llm_answer"},
		} {
			b := newBench(t, shape, "{connection: model, model: m, prompt: x}", test.answer)
			if e := b.fails(test.code, ""); len(e.Message) > 1000 {
				t.Errorf("%s: %d bytes of message", name, len(e.Message))
			}
		}
	})
}

func TestRetries(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, shape string) {
		const step = "{connection: model, model: m, prompt: x}\n    retry: {attempts: 3, backoff: 1ms}"
		b := newBench(t, shape, step, said{status: 429, retry: "0"}, said{status: 529}, said{text: "at last"})
		if got := b.one("x"); got["text"] != "at last" {
			t.Error(got)
		}
		if b.sent(3); b.keys[0] != b.keys[2] {
			t.Error(b.keys)
		}
		b = newBench(t, shape, step, said{status: 500}, said{text: "never"})
		b.fails(flows.CodeStepFailed, "status 500")
		b.sent(1)
		b = newBench(t, shape, step, said{status: 401, raw: `{"error":"the key ` + key + ` is wrong"}`})
		if e := b.fails(flows.CodeStepFailed, "status 401"); strings.Contains(e.Message, key) {
			t.Error(e.Message)
		}
	})
}

func TestTools(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, shape string) {
		b := newBench(t, shape, "{connection: model, model: m, prompt: x, tools: [double]}",
			said{text: "let me see", calls: []called{{"double", `{"n":4}`}, {"double", `{"n":"four"}`}, {"halve", `{}`}, {"double", `no`}}}, said{text: "eight"}).tool()
		got := b.one("x")
		if got["text"] != "eight" || fmt.Sprint(b.effects) != "[map[n:4]]" {
			t.Error(got, b.effects)
		}
		for _, part := range []string{`{\"twice\":8}`, "error: the arguments do not fit: ", "error: there is no tool of that name, only double", "error: the arguments are no JSON object", "let me see", "call_1_0"} {
			if !strings.Contains(b.request(1), part) {
				t.Errorf("no %s in %s", part, b.request(1))
			}
		}
		if !strings.Contains(b.request(0), `"description":"Doubles a number."`) {
			t.Error(b.request(0))
		}
		if usage := string(flows.EncodeJSON(got["usage"])); usage != `{"cost":0.0006,"input_tokens":200,"output_tokens":20}` {
			t.Error(usage)
		}
	})
}

// A failure of a step may name hosts and settings: the model is told its code.
func TestFailuresOfTools(t *testing.T) {
	t.Parallel()
	b := newBench(t, flows.ShapeOpenAI, "{connection: model, model: m, prompt: x, tools: [a, b]}", said{calls: []called{{"a", `{}`}, {"b", `{}`}}}, said{text: "well"})
	b.others["a"] = b.parse("flow: 8\nslug: a\ntool: One.\nsteps:\n  - http: {get: 'http://secret-host.invalid/'}\n")
	b.others["b"] = b.parse("flow: 9\nslug: b\ntool: Two.\nsteps:\n  - fail: {message: not on Sundays}\n")
	b.one("x")
	if got := b.request(1); strings.Contains(got, "secret-host") || !strings.Contains(got, "error: step_failed") || !strings.Contains(got, "error: not on Sundays") {
		t.Error(got)
	}
	b = newBench(t, flows.ShapeOpenAI, "{connection: model, model: m, prompt: x, tools: [a]}")
	b.others["a"] = b.parse("flow: 8\nslug: a\nsteps:\n  - set: {a: 1}\n")
	b.fails(flows.CodeStepFailed, "does not say what it is good for")
	b.sent(0)
}

func TestLimits(t *testing.T) {
	t.Parallel()
	call := said{calls: []called{{"double", `{"n":4}`}}}
	each(t, func(t *testing.T, shape string) {
		b := newBench(t, shape, "{connection: model, model: m, prompt: x, tools: [double], max_turns: 3}", call, call, call, call).tool()
		b.fails("llm_turns", "within 3 answers")
		b.sent(3)
		b = newBench(t, shape, "{connection: model, model: m, prompt: x, tools: [double], max_tokens: 20, max_run_tokens: 400}", call, call, call, call).tool()
		b.fails("llm_budget", "max_run_tokens, which is 400")
		b.sent(2)
		b = newBench(t, shape, "{connection: model, model: m, prompt: x, max_tokens: 100, max_cost: 0.0005}", said{text: "x"})
		b.fails("llm_budget", "max_cost, which is 0.0005")
		b.sent(0)
		b = newBench(t, shape, "{connection: model, model: m, prompt: x, max_cost: 5}", said{text: "x"})
		b.api.InputPrice = nil
		b.fails("llm_budget", "has no prices")
	})
}

func TestOtherConnections(t *testing.T) {
	t.Parallel()
	b := newBench(t, flows.ShapeOpenAI, "{connection: other, model: m, prompt: x}")
	b.fails(flows.CodeStepFailed, `there is no connection "other"`)
}

func TestMistakes(t *testing.T) {
	t.Parallel()

	for source, want := range map[string]string{
		"{connection: c, model: m}":                                                   "prompt",
		"{connection: c, model: m, prompt: x, messages: []}":                          "messages",
		"{connection: c, model: m, prompt: x, schema: {type: array}}":                 "type: object",
		"{connection: c, model: m, prompt: x, schema: {type: object, properties: 7}}": "schema",
		"{connection: c, model: m, prompt: x, max_turns: 51}":                         "expected 1 to 50",
		"{connection: c, model: m, prompt: x, max_cost: x}":                           "expected a number",
		"{connection: c, model: m, prompt: x, temperature: 3}":                        "expected a number",
		"{connection: c, model: m, prompt: x}\n    retry: {attempts: 2, if: .x}":      "retry.if has no meaning",
	} {
		_, err := flows.Parse("test.yaml", []byte("flow: 1\nsteps:\n  - llm: "+source+"\n"), steps.Catalogue())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", source, err)
		}
	}
}
