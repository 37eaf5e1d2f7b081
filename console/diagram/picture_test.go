package diagram

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// source has every way in which steps nest.
const source = `flow: 7
trigger: {webhook: {reply: ack}}
steps:
  - name: first
    set: {a: 1}
    if: "true"
  - transform: .
  - transform: .
  - switch:
      - when: .a == 1
        steps:
          - set: {b: 2}
          - name: deep
            switch:
              - else:
                  - filter: "true"
      - else:
          - fail: never
`

func TestPathsAreThoseOfRuns(t *testing.T) {
	t.Parallel()
	flow, err := flows.Parse("test.yaml", []byte(source), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	seen := &tracer{}
	if _, err := flow.Execute(context.Background(), flows.Run{ID: "r"}, flows.Env{Trace: seen}); err != nil {
		t.Fatal(err)
	}
	o, err := Read([]byte(source), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	paths := pathsOf(o.Steps)
	for _, path := range seen.paths {
		if !slices.Contains(paths, path) {
			t.Errorf("the run has a step %q, the outline only %q", path, paths)
		}
	}
	if len(seen.paths) != len(paths)-1 { // the fail step does not run
		t.Errorf("the run has %q, the outline %q", seen.paths, paths)
	}
}

type tracer struct {
	mu    sync.Mutex // guards paths
	paths []string
}

func (t *tracer) Begin(b flows.StepStart) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paths = append(t.paths, b.Step)
}
func (t *tracer) End(flows.StepEnd) {}
func (t *tracer) Log(flows.LogLine) {}

func pathsOf(steps []Step) []string {
	var all []string
	for _, s := range steps {
		all = append(all, s.Path)
		for _, b := range s.Branches {
			all = append(all, pathsOf(b.Steps)...)
		}
	}
	return all
}

func TestRead(t *testing.T) {
	t.Parallel()
	got, err := Read([]byte(source), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	want := Outline{Trigger: "webhook", Detail: "reply ack", Steps: []Step{
		{Path: "first", Title: "first", Kind: "set", Detail: "a", Line: 4},
		{Path: "transform", Title: "transform", Kind: "transform", Detail: ".", Line: 7},
		{Path: "transform-2", Title: "transform-2", Kind: "transform", Detail: ".", Line: 8},
		{Path: "switch", Title: "switch", Kind: "switch", Line: 9, Branches: []Branch{
			{Title: "when .a == 1", Steps: []Step{
				{Path: "switch.1.set", Title: "set", Kind: "set", Detail: "b", Line: 12},
				{Path: "switch.1.deep", Title: "deep", Kind: "switch", Detail: "switch", Line: 13, Branches: []Branch{
					{Title: "else", Steps: []Step{{Path: "switch.1.deep.else.filter", Title: "filter", Kind: "filter", Detail: "true", Line: 16}}},
				}},
			}},
			{Title: "else", Steps: []Step{{Path: "switch.else.fail", Title: "fail", Kind: "fail", Detail: "never", Line: 18}}},
		}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outline (-want +got):\n%s", diff)
	}
}

// A step that uses an operation has the operation's name, and the path of the run's record.
func TestUses(t *testing.T) {
	t.Parallel()
	flow, err := flows.Parse("test.yaml", []byte("flow: 1\nsteps:\n  - uses: slack.chat_post_message\n    connection: slack\n    with: {channel: c, text: t}\n"+
		"  - name: again\n    uses: {operation: slack.chat_post_message, connection: slack, with: {channel: c, text: t}}\n"), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(flow.Source, steps.Catalogue()) // with the connector behind the flow
	if err != nil {
		t.Fatal(err)
	}
	want := []Step{
		{Path: "chat_post_message", Title: "chat_post_message", Kind: "uses", Detail: "slack.chat_post_message", Line: 3},
		{Path: "again", Title: "again", Kind: "uses", Detail: "slack.chat_post_message", Line: 6},
	}
	if diff := cmp.Diff(want, got.Steps); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for i, external := range flow.ExternalSteps() {
		if external.Path != got.Steps[i].Path {
			t.Errorf("the run has the step %s, the picture %s", external.Path, got.Steps[i].Path)
		}
	}
}

// The condition of repeat is the title of its steps.
func TestRepeat(t *testing.T) {
	t.Parallel()
	got, err := Read([]byte("flow: 1\nsteps:\n  - name: ready\n    repeat:\n      steps:\n        - delay: 1s\n      until: .done\n"), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	want := []Branch{{Title: "until .done", Steps: []Step{{Path: "ready.delay", Title: "delay", Kind: "delay", Detail: "1s", Line: 6}}}}
	if diff := cmp.Diff(want, got.Steps[0].Branches); diff != "" {
		t.Errorf("branches (-want +got):\n%s", diff)
	}
}

// The steps of on_failure are read in both forms, with the paths that their run has.
func TestOnFailure(t *testing.T) {
	t.Parallel()
	const steps12 = "[{set: {a: 1}}, {name: tell, set: {b: 2}}]"
	for _, onFailure := range []string{steps12, "{limit: 5s, steps: " + steps12 + "}"} {
		text := []byte("flow: 7\non_failure: " + onFailure + "\nsteps: [{set: {c: 3}}]\n")
		flow, err := flows.Parse("test.yaml", text, steps.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		seen := &tracer{}
		run := flows.Run{ID: "r", Failure: &flows.Failure{Run: "f", Error: &flows.Error{Code: "none"}}}
		if _, err := flow.Execute(context.Background(), run, flows.Env{Trace: seen}); err != nil {
			t.Fatal(err)
		}
		o, err := Read(text, steps.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(seen.paths, pathsOf(o.OnFailure)); diff != "" || len(seen.paths) != 2 {
			t.Errorf("paths (-run +outline):\n%s", diff)
		}
	}
}

// Branches have the names that people give them, or say what goes through them.
func TestBranchesAreNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"parallel: [{branch: crm, steps: [{set: {a: 1}}]}, {branch: gifts, steps: [{set: {a: 2}}]}]": {"crm", "gifts"},
		"parallel: [{steps: [{set: {a: 1}}]}, {branch: gifts, steps: [{set: {a: 2}}]}]":              {"branch 1", "gifts"},
		"lock: {key: a, steps: [{set: {a: 1}}]}":                                                     {"while it is locked"},
		"switch: [{when: .a, steps: [{set: {a: 1}}]}, {else: [{set: {a: 2}}]}]":                      {"when .a", "else"},
	} {
		got, err := Read([]byte("flow: 1\nsteps:\n  - "+text+"\n"), steps.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		var titles []string
		for _, b := range got.Steps[0].Branches {
			titles = append(titles, b.Title)
		}
		if diff := cmp.Diff(want, titles); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		if n := got.Steps[0].Nested(); n != len(want) {
			t.Errorf("%s: %d nested steps", text, n)
		}
	}
}

func TestSamples(t *testing.T) {
	t.Parallel()
	got := Samples([]byte(`
tests:
  - name: none
    output: []
  - name: flow style
    event: {b: 1, a: [x, "y: z"]}
  - name: block style
    event:
      id: 9007199254740993
      text: |
        two
        lines
`))
	want := []Sample{
		{Name: "none"},
		{Name: "flow style", Event: "{\n  \"b\": 1,\n  \"a\": [\n    \"x\",\n    \"y: z\"\n  ]\n}"},
		{Name: "block style", Event: "{\n  \"id\": 9007199254740993,\n  \"text\": \"two\\nlines\\n\"\n}"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}
