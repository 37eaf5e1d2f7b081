package assets_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"modernc.org/quickjs"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/reference"
	"github.com/penstock/penstock/flows/steps"
)

// completer is what the editor offers to its completion, in JavaScript: the text up to | is before the cursor.
const completer = `
function complete(schema, own, text) {
  const pos = text.indexOf('|'), lines = text.replace('|', '').split('\n')
  const doc = { lines: lines.length, line: n => ({ number: n, text: lines[n - 1], from: lines.slice(0, n - 1).reduce((sum, l) => sum + l.length + 1, 0) }) }
  doc.lineAt = at => { let n = 1; while (n < lines.length && doc.line(n + 1).from <= at) n++; return doc.line(n) }
  const root = JSON.parse(schema)
  const found = suggest({ ...root, $defs: { ...root.$defs, ...JSON.parse(own) } }, { pos, explicit: true, state: { doc } })
  return JSON.stringify(found && found.options.map(o => ({ label: o.label, info: o.info || '' })))
}`

const ownConnector = `flow: 1
steps: []
---
connector: crm
base: https://crm.example.org
operations:
  person_find:
    summary: Finds a person.
    params:
      type: object
      required: [email]
      properties:
        email: {type: string, description: The address.}
        kind: {enum: [pupil, parent]}
        address: {type: object, properties: {city: {type: string, description: The town.}}}
    http: {get: /people}
`

// The editor completes kinds and their parameters, the names of operations and, below with, their parameters with descriptions.
func TestCompletion(t *testing.T) {
	t.Parallel()
	schema, err := reference.CompletionSchema(steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]any{}
	for _, c := range flows.ConnectorsIn("flow.yaml", []byte(ownConnector), steps.Catalogue()) {
		for name, with := range reference.WithSchemas(c) {
			own[name] = with
		}
	}
	source, err := os.ReadFile("editor.js")
	if err != nil {
		t.Fatal(err)
	}
	vm, err := quickjs.NewVM()
	if err != nil {
		t.Fatal(err)
	}
	defer vm.Close()
	if _, err := vm.Eval(strings.ReplaceAll(string(source), "export ", "")+completer, quickjs.EvalGlobal); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		text       string
		has, lacks []string // label: start of the description
		all        []string
	}{
		{text: "flow: 1\nsteps:\n  - |", has: []string{"uses: Executes an operation", "http: ", "if: "}},
		{text: "flow: 1\nsteps:\n  - http:\n      p|", has: []string{"post: "}},
		{text: "flow: 1\nsteps:\n  - uses: s|", has: []string{"slack.chat_post_message: ", "crm.person_find: Finds a person."}},
		{text: "flow: 1\nsteps:\n  - uses: slack.chat_|", has: []string{"slack.chat_post_message: "}},
		{text: "flow: 1\nsteps:\n  - uses: slack.chat_post_message\n    with:\n      |", has: []string{"channel: ", "text: "}, lacks: []string{"email"}},
		{text: "flow: 1\nsteps:\n  - uses: crm.person_find\n    connection: crm\n    with:\n      e|", all: []string{"address: ", "email: The address.", "kind: "}},
		{text: "flow: 1\nsteps:\n  - with:\n      kind: x\n      e|\n    uses: crm.person_find\n", all: []string{"address: ", "email: The address.", "kind: "}},
		{text: "steps:\n  - uses: crm.person_find\n    with:\n      address:\n        |", all: []string{"city: The town."}},
		{text: "steps:\n  - uses: crm.person_find\n    with:\n      kind: p|", all: []string{"parent: ", "pupil: "}},
		{text: "steps:\n  - uses: crm.person_find\n    with: {}\n  - uses: crm.unknown\n    with:\n      |", all: nil},
		{text: "steps:\n  - switch:\n      - when: .a\n        steps:\n          - uses: crm.person_find\n            with:\n              |", all: []string{"address: ", "email: The address.", "kind: "}},
	} {
		function, err := vm.EvalValue("complete", quickjs.EvalGlobal)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := function.Call(quickjs.UndefinedValue, string(schema), string(flows.EncodeJSON(own)), test.text)
		function.Free()
		if err != nil {
			t.Fatal(err)
		}
		var options []struct{ Label, Info string }
		if text, _ := answer.(string); json.Unmarshal([]byte(text), &options) != nil {
			t.Fatal(answer)
		}
		var got []string
		for _, o := range options {
			got = append(got, o.Label+": "+o.Info)
		}
		slices.Sort(got)
		if test.has == nil {
			if diff := cmp.Diff(test.all, got); diff != "" {
				t.Errorf("%s (-want +got)\n%s", test.text, diff)
			}
		}
		starts := func(want string) bool {
			return slices.ContainsFunc(got, func(option string) bool { return strings.HasPrefix(option, want) })
		}
		for _, want := range test.has {
			if !starts(want) {
				t.Errorf("%s: no %s in %q", test.text, want, got)
			}
		}
		for _, no := range test.lacks {
			if starts(no) {
				t.Errorf("%s: %s", test.text, no)
			}
		}
	}
}
