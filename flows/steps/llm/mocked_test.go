package llm_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

const mocked = `flow: 1
slug: ask
steps:
  - name: ask
    llm: {connection: model, model: m, system: Be brief., prompt: 'From ${ .text }', tools: [double], schema: {type: object}, temperature: 0}
  - set: {name: '${ .output.name }'}
tests:
  - name: a contact
    event: {text: Ada}
    mocks: {ask: {text: "", output: {name: Ada}}}
    sent:
      ask: [{connection: model, body: {model: m, system: Be brief., messages: [{role: user, content: From Ada}], tools: [double], schema: {type: object}, max_tokens: 1024, temperature: 0}}]
    output: [{name: Ada}]
  - name: an answer is withheld
    event: {text: Ada}
    mocks: {ask: {error: {message: withheld}}}
    error: withheld
`

func parsed(t *testing.T, source string) *flows.Flow {
	t.Helper()
	flow, err := flows.Parse("test.yaml", []byte(source), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	return flow
}

// Tests of flows need no network, and see what would be asked in the shape of no provider.
func TestFlowTests(t *testing.T) {
	t.Parallel()
	for _, r := range flows.RunTests(t.Context(), parsed(t, mocked)) {
		if r.Failure != "" {
			t.Errorf("%s: %s", r.Name, r.Failure)
		}
	}
	wrong := parsed(t, strings.Replace(mocked, "content: From Ada", "content: From Bob", 1))
	if r := flows.RunTests(t.Context(), wrong); !strings.Contains(r[0].Failure, "what ask sent differs") {
		t.Error(r[0].Failure)
	}
}

// A rehearsal finds the answer of the recorded run, and what would be asked otherwise.
func TestRehearsal(t *testing.T) {
	t.Parallel()
	b := newBench(t, flows.ShapeOpenAI, "{connection: model, model: m, prompt: x}", calling("1"), said{final: `{"name":"Ada"}`}).tool()
	b.flow = parsed(t, mocked)
	if got := b.one(map[string]any{"text": "Ada"}); got["name"] != "Ada" {
		t.Fatal(got)
	}
	recorded := flows.RecordedRun{Run: flows.Run{ID: "run", Event: map[string]any{"text": "Ada"}}, At: time.Now(), Results: b.results}
	env := flows.RehearsalEnv{Connection: func(context.Context, string) (string, error) { return "openai", nil }}
	before, err := b.flow.Rehearse(t.Context(), recorded, env, nil)
	if err != nil || before.Failure != nil || before.Stopped != "" || string(flows.EncodeJSON(before.Output)) != `[{"name":"Ada"}]` {
		t.Fatal(before, err)
	}
	changed := parsed(t, strings.Replace(mocked, "Be brief.", "Be polite.", 1))
	after, err := changed.Rehearse(t.Context(), recorded, env, before)
	if err != nil || len(after.Effects) != 1 || after.Effects[0].Identity() == before.Effects[0].Identity() {
		t.Error(after, err)
	}
	b.sent(2)
}

// A question changes nothing; tools may.
func TestHints(t *testing.T) {
	t.Parallel()
	question := parsed(t, "flow: 1\nsteps:\n  - llm: {connection: c, model: m, prompt: x}\n").Consequences()
	if !question.ReadOnly || question.Repeatable || question.Removes || !question.Outside {
		t.Errorf("%+v", question)
	}
	if tools := parsed(t, "flow: 1\nsteps:\n  - llm: {connection: c, model: m, prompt: x, tools: [a]}\n").Consequences(); tools.ReadOnly || !tools.Removes {
		t.Errorf("%+v", tools)
	}
}
