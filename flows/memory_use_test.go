package flows_test

import (
	"context"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
)

// The memory that a run holds at once is bounded: the items in progress and those that a later program names.
// Released items do not count.
func TestARunHoldsSoMuch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, steps string
		fits        bool
	}{
		{"one after the other", "  - split: range(100)\n  - set: {a: '${ \"x\" * 400 }'}\n  - set: {b: '${ \"y\" * 400 }'}\n  - set: {c: '${ \"z\" * 400 }'}\n  - collect: length\n", true},
		{"all at once", "  - split: range(300)\n  - set: {a: '${ \"x\" * 400 }'}\n", false},
		{"named later", "  - split: range(100)\n  - name: a\n    set: {a: '${ \"x\" * 400 }'}\n  - name: b\n    set: {b: '${ \"x\" * 400 }'}\n  - name: c\n    set: {c: '${ \"x\" * 400 }'}\n  - transform: $steps.a.a[:1] + $steps.b.b[:1] + $steps.c.c[:1]\n", false},
		{"inside a switch", "  - split: range(300)\n  - switch: [{else: [{set: {a: '${ \"x\" * 400 }'}}]}]\n", false},
		{"gone by inside a switch", "  - split: range(300)\n  - switch: [{else: [{set: {a: '${ \"x\" * 400 }'}}, {transform: 1}]}]\n", true},
		{"failures inside a switch", "  - split: range(300)\n  - switch: [{else: [{set: {a: '${ \"x\" * 400 }'}}, {fail: no}]}]\n    on_error: skip\n", true},
		{"in a called flow", "  - split: range(300)\n  - call: other\n    concurrency: 1\n  - collect: length\n", true},
		{"the event", "  - transform: 1\n", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			env := flows.Env{MaxMemory: 120_000, Flows: others{"other": parse(t, "  - set: {a: '${ \"x\" * 400 }'}\n  - transform: 1\n")}}
			_, err := parse(t, test.steps).Execute(t.Context(), flows.Run{}, env)
			if test.fits && err != nil {
				t.Fatal(err)
			}
			if !test.fits {
				wantError(t, err, flows.CodeLimit, "MiB of items at once")
			}
		})
	}
	_, err := parse(t, "  - transform: 1\n").Execute(t.Context(), flows.Run{Event: strings.Repeat("x", 2000)}, flows.Env{MaxMemory: 1000})
	wantError(t, err, flows.CodeLimit, "event: ")
}

type others map[string]*flows.Flow

func (o others) Find(ref string) (*flows.Flow, bool) { return o[ref], o[ref] != nil }

func (o others) Version(context.Context, int64, string) (*flows.Flow, error) { return o["other"], nil }

// watcher is a Tracer that looks at items.
type watcher struct{ seen map[string]string }

func (w watcher) Begin(b flows.StepStart) {
	w.seen[b.Step+" in"] = string(flows.EncodeJSON(b.Items(2)))
}
func (w watcher) End(e flows.StepEnd) { w.seen[e.Step+" out"] = string(flows.EncodeJSON(e.Items(2))) }
func (w watcher) Log(l flows.LogLine) { w.seen["log"] = string(flows.EncodeJSON(l.Fields)) }

// Fields of redact are masked in all recorded items, at any depth, and nowhere else.
func TestRedactedItems(t *testing.T) {
	t.Parallel()
	w := watcher{map[string]string{}}
	flow := parse(t, `
  - name: a
    split: .[]
  - name: b
    transform: '{login: {Password: .p, n: .n}, list: [{password: 1}]}'
    redact: [p, password]
  - log: {message: m, fields: {deep: "${ .login }"}}
    redact: password
  - name: c
    transform: .login.Password
    redact: password
  - name: d
    transform: '[., [7], null, true, {n: 1}]'
    redact: password
`)
	output := execute(t, flow, []any{map[string]any{"p": "s3cret", "n": 1}, 2, 3}[:1], flows.Env{Trace: w})
	want(t, output, `[["s3cret",[7],null,true,{"n":1}]]`)
	for at, expected := range map[string]string{
		"a in":  `[[{"n":1,"p":"s3cret"}]]`,
		"b in":  `[{"n":1,"p":"***"}]`,
		"b out": `[{"list":[{"password":"***"}],"login":{"Password":"***","n":1}}]`,
		"c in":  `[{"list":[{"password":"***"}],"login":{"Password":"***","n":1}}]`,
		"c out": `["***"]`,
		"d in":  `["***"]`,
		"d out": `[["***",["***"],null,true,{"n":1}]]`,
		"log":   `{"deep":{"Password":"***","n":1}}`,
	} {
		if w.seen[at] != expected {
			t.Errorf("%s: %s, want %s", at, w.seen[at], expected)
		}
	}
}
