package flows_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

func TestTool(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ file, name, wrong string }{
		{"flow: 5\nslug: find\ntool: Finds.\nsteps: [{set: {a: 1}}]", "find", ""},
		{"flow: 5\ntool: {description: Finds., schema: {type: object}}\nsteps: [{set: {a: 1}}]", "flow_5", ""},
		{"flow: 5\ntool: Finds.\ntrigger: {webhook: {schema: {type: object}}}\nsteps: [{set: {a: 1}}]", "flow_5", ""},
		{"flow: 5\ntool: {schema: {type: object}}\nsteps: [{set: {a: 1}}]", "", "description"},
		{"flow: 5\ntool: {description: Finds., schema: {type: array}}\nsteps: [{set: {a: 1}}]", "", "must say so"},
		{"flow: 5\ntool: {description: Finds., schema: {type: objekt}}\nsteps: [{set: {a: 1}}]", "", "schema"},
		{"flow: 5\ntool: Finds.\ntrigger: {webhook: {schema: {type: array}}}\nsteps: [{set: {a: 1}}]", "", "must say so"},
		{"flow: 5\ntool: Finds.\ntrigger: {http: {get: /a}}\nsteps: [{set: {a: 1}}]", "", "takes requests"},
		{"flow: 5\ntool: Finds.\nrun: {batch: {size: 2}}\nsteps: [{set: {a: 1}}]", "", "no answer"},
	} {
		f, err := flows.Parse("f", []byte(tc.file), steps.Catalogue())
		switch {
		case tc.wrong != "":
			if err == nil || !strings.Contains(err.Error(), tc.wrong) {
				t.Errorf("%s: %v, want %q", tc.file, err, tc.wrong)
			}
		case err != nil:
			t.Errorf("%s: %v", tc.file, err)
		case f.ToolName() != tc.name || f.Tool.Description != "Finds.":
			t.Errorf("%s: %q %+v", tc.file, f.ToolName(), f.Tool)
		}
	}
}

// The consequences of a flow follow from all its steps, also nested ones.
func TestConsequences(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]flows.Consequences{
		"set: {a: 1}":                       {ReadOnly: true, Repeatable: true},
		"http: {get: 'https://a.example'}":  {ReadOnly: true, Repeatable: true, Outside: true},
		"http: {put: 'https://a.example'}":  {Repeatable: true, Removes: true, Outside: true},
		"http: {post: 'https://a.example'}": {Removes: true, Outside: true},
		"emit: other":                       {Removes: true, Outside: true},
		"state: {set: a, to: 1}":            {Removes: true},
		"call: other":                       {Removes: true, Outside: true},
		"parallel: [{branch: a, steps: [{delay: 1s}]}, {branch: b, steps: [{respond: {text: a}}]}]":                  {ReadOnly: true, Repeatable: true},
		"parallel: [{branch: a, steps: [{set: {a: 1}}]}, {branch: b, steps: [{http: {post: 'https://a.example'}}]}]": {Removes: true, Outside: true},
		"http: {post: 'https://a.example/search'}, effect: read":                                                     {ReadOnly: true, Repeatable: true, Outside: true},
	} {
		f, err := flows.Parse("f", []byte("flow: 5\nsteps: [{"+file+"}]"), steps.Catalogue())
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if diff := cmp.Diff(want, f.Consequences()); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
}
