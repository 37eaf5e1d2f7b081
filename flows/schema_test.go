package flows_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/reference"
)

var update = flag.Bool("update", false, "write golden files instead of comparing")

// golden compares with a committed file, or writes it with -update.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is out of date, run go test ./flows -update (-want +got)\n%s", file, diff)
	}
}

// The published schema is the one generated from the kinds.
func TestSchemaIsUpToDate(t *testing.T) {
	t.Parallel()
	golden(t, "flow.schema.json", reference.Schema(catalogue()))
}

// The schema accepts every flow that Parse accepts.
func TestExamplesFitTheSchema(t *testing.T) {
	t.Parallel()
	schema := schemaValidator(t)
	files, err := filepath.Glob("examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Check(t.Context(), flows.ReadYAML(t, source)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestSchemaKnowsShorthandsAndMistakes(t *testing.T) {
	t.Parallel()
	schema := schemaValidator(t)
	tests := []struct {
		source string
		fits   bool
	}{
		{"flow: 1\ntrigger: webhook\nsteps: [{delay: 1s}]", true},
		{"flow: 1\non: {webhook: {}}\nsteps: [{delay: {for: 1s}, retry: 3, on_error: skip}]", true},
		{"flow: 1\ntrigger: {schedule: '@daily'}\nsteps: [{set: {a: 1}, keep: true}]", true},
		{"flow: 1\nsteps: [{set: {a: 1}, on_error: {steps: [{filter: 'true'}]}}]", true},
		{"flow: 1\nsteps: [{http: {get: http://h, expect: [200, 4xx]}, timeout: 1m30s}]", true},
		{"flow: 1", false},
		{"flow: 0\nsteps: [{delay: 1s}]", false},
		{"flow: 1\nsteps: []", false},
		{"flow: 1\nsteps: [{name: a}]", false},
		{"flow: 1\nsteps: [{delay: 1s, timout: 2s}]", false},
		{"flow: 1\nsteps: [{delay: soon}]", false},
		{"flow: 1\nsteps: [{delay: 1s, on_error: ignore}]", false},
		{"flow: 1\ntrigger: {webhook: {}, manual: {}}\nsteps: [{delay: 1s}]", false},
	}
	for _, test := range tests {
		if err := schema.Check(t.Context(), flows.ReadYAML(t, []byte(test.source))); (err == nil) != test.fits {
			t.Errorf("%s: %v, want fits %v", test.source, err, test.fits)
		}
	}
}

func schemaValidator(t *testing.T) *flows.Validator {
	t.Helper()
	return validatorOf(t, reference.Schema(catalogue()))
}

func validatorOf(t *testing.T, text []byte) *flows.Validator {
	t.Helper()
	v, err := flows.DecodeJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := flows.NewValidator(v)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// The page of every kind shows its example and each of its parameters.
func TestReferenceShowsEveryParameter(t *testing.T) {
	t.Parallel()
	pages := map[string]string{}
	for _, page := range reference.Pages(catalogue()) {
		pages[page.Name] = page.Markdown
	}
	for _, k := range catalogue().Kinds() {
		for _, p := range k.Params {
			if !strings.Contains(pages[k.Name], "| `"+p.Name+"` |") {
				t.Errorf("the page of %s lacks %s", k.Name, p.Name)
			}
		}
		if k.Example == "" || !strings.Contains(pages[k.Name], strings.SplitN(k.Example, "\n", 2)[0]) {
			t.Errorf("the page of %s lacks an example", k.Name)
		}
	}
	if !strings.Contains(pages["step"], "`retry.attempts`") || !strings.Contains(pages["flow"], "`trigger.webhook.params`") {
		t.Error("nested parameters are missing")
	}
}

// The example of every kind is a step that compiles.
func TestKindExamplesCompile(t *testing.T) {
	t.Parallel()
	for _, k := range catalogue().Kinds() {
		step := "  - " + strings.ReplaceAll(strings.TrimSpace(k.Example), "\n", "\n    ")
		source := "flow: 1\nvars: {crm: http://h}\nsteps:\n" + step + "\n"
		if _, err := flows.Parse(k.Name+".yaml", []byte(source), catalogue()); err != nil {
			t.Errorf("%v\n%s", err, source)
		}
	}
}
