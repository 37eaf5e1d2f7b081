package flows_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

func TestSamples(t *testing.T) {
	t.Parallel()
	f := mustParse(t, `
flow: 7
trigger:
  http:
    - get: /people/{id}
      params: {id: integer}
      response: one
    - {name: write, put: "/people/{id}", params: {id: integer}}
steps:
  - switch:
      - when: $event.operation == "write"
        steps:
          - set: {secret: none}
            redact: [Secret]
      - else: [{transform: '{id: $params.id, secret: "hidden", tags: ["a"]}'}]
tests:
  - name: read
    event: {operation: get, params: {id: 7}}
    output: [{id: 7, secret: hidden, tags: [a]}]
  - name: written
    event: {operation: write, params: {id: 7}, body: {secret: hidden, deep: [{SECRET: hidden}]}}
    output: [{secret: none}]
  - name: of no operation
    event: {operation: other}
    error: operation
  - name: refused
    event: {operation: get, params: {id: x}}
    error: {status: 422, message: "a whole number"}
`)
	want := []flows.Sample{
		{Name: "read", Operation: "get", Params: map[string]any{"id": json.Number("7")}, Succeeds: true, Output: []any{map[string]any{"id": json.Number("7"), "secret": "***", "tags": []any{"a"}}}},
		{Name: "written", Operation: "write", Params: map[string]any{"id": json.Number("7")}, Succeeds: true, Output: []any{map[string]any{"secret": "***"}},
			Body: map[string]any{"secret": "***", "deep": []any{map[string]any{"SECRET": "***"}}}},
		{Name: "refused", Operation: "get", Params: map[string]any{"id": "x"}, Error: map[string]any{"status": json.Number("422"), "message": "a whole number"}},
	}
	if diff := cmp.Diff(want, f.Samples()); diff != "" {
		t.Error(diff)
	}
	got := string(flows.EncodeJSON(f.InferOutput("get")))
	if want := `{"properties":{"id":{"type":"integer"},"secret":{"type":"string"},"tags":{"items":{"type":"string"},"type":"array"}},"required":["id","secret","tags"],"type":"object"}`; got != want {
		t.Errorf("inferred %s", got)
	}
	if f.InferOutput("none") != nil {
		t.Error("an output was inferred without a test")
	}
}

// A text without a name has no field that redact could list: it is masked in a flow that redacts anything.
func TestSamplesMaskBareTexts(t *testing.T) {
	t.Parallel()
	f := mustParse(t, "flow: 7\nsteps: [{transform: ., redact: [a]}]\ntests: [{name: n, event: hidden, output: [hidden, {b: shown}]}]")
	if text := string(flows.EncodeJSON([]any{f.Samples()[0].Body, f.Samples()[0].Output})); strings.Contains(text, "hidden") || !strings.Contains(text, "shown") {
		t.Errorf("samples %s", text)
	}
}

func mustParse(t *testing.T, source string) *flows.Flow {
	t.Helper()
	f, err := flows.Parse("test.yaml", []byte(source), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	return f
}
