package steps_test

import (
	"errors"
	"testing"

	"context"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

func TestRespondAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		step string
		want flows.Response
	}{
		{"respond:", flows.Response{Status: 200, Headers: map[string]string{}, Items: []byte(`[{"n":1},{"n":2}]`)}},
		{"respond: {status: 202, headers: {X-Id: 'a${ .n }'}, json: {id: '${ .n }'}}", flows.Response{Status: 202,
			Headers: map[string]string{"x-id": "a1", "content-type": "application/json"}, Body: []byte(`{"id":1}`)}},
		{"respond: {json: '${ null }'}", flows.Response{Status: 200, Headers: map[string]string{"content-type": "application/json"}, Body: []byte("null")}},
		{"respond: {text: 'n: ${ .n }', headers: {Content-Type: text/html}}", flows.Response{Status: 200,
			Headers: map[string]string{"content-type": "text/html"}, Body: []byte("n: 1")}},
		{"respond: {text: hi, envelope: none}", flows.Response{Status: 200,
			Headers: map[string]string{"content-type": "text/plain; charset=utf-8"}, Body: []byte("hi"), Bare: true}},
		{"respond: {envelope: none}", flows.Response{Status: 200, Headers: map[string]string{}, Items: []byte(`[{"n":1},{"n":2}]`), Bare: true}},
		{"respond: {text: hi, envelope: api}", flows.Response{Status: 200, Headers: map[string]string{"content-type": "text/plain; charset=utf-8"}, Body: []byte("hi")}},
		{"respond: {base64: AP8=}", flows.Response{Status: 200, Headers: map[string]string{"content-type": "application/octet-stream"}, Body: []byte{0, 255}}},
	}
	for _, test := range tests {
		t.Run(test.step, func(t *testing.T) {
			t.Parallel()
			r := newDurableRun(t, "  - split: .[]\n  - "+test.step+"\n  - transform: .n\n")
			r.done([]any{map[string]any{"n": 1}, map[string]any{"n": 2}}, "[1,2]")
			if diff := cmp.Diff([]flows.Response{test.want}, r.answers); diff != "" {
				t.Errorf("answers (-want +got)\n%s", diff)
			}
		})
	}
}

func TestRespondThatCannot(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]string{
		"respond: {text: '${ . }'}":                    "text: expected text, found an object",
		"respond: {base64: '!'}":                       "base64: the text is no base64",
		"respond: {headers: {a: '${ \"\\r\\n\" }'}}":   "the header a cannot have this value",
		"respond: {json: '${ error(\"not today\") }'}": "not today",
	} {
		r := newDurableRun(t, "  - "+step+"\n")
		_, err := r.attempt(map[string]any{})
		var e *flows.Error
		if !errors.As(err, &e) || !contains(e.Message, want) || len(r.answers) != 0 {
			t.Errorf("%s: %v, answered %v", step, err, r.answers)
		}
	}
	r := newDurableRun(t, "  - respond:\n    on_error: skip\n")
	r.env.Respond = func(context.Context, flows.Response) error { return errors.New("away") }
	r.fails(1, flows.CodeInternal, "could not be answered")
}

// The caller of a flow with after_response gets the items before those steps, which are the run's output; a later
// failure is still the run's failure.
func TestAfterResponse(t *testing.T) {
	t.Parallel()
	r := newDurableRun(t, "  - split: .[]\n  - name: shown\n    transform: . * 2\n  - filter: . > 2\n    after_response: true\n  - transform: '[., $steps.shown]'\n    after_response: true\n  - probe:\n    after_response: true\n")
	r.done([]any{1, 2}, "[2,4]")
	want := []flows.Response{{Items: []byte("[2,4]")}}
	if diff := cmp.Diff(want, r.answers); diff != "" {
		t.Errorf("answers (-want +got)\n%s", diff)
	}
	r.sawEffects(1)
	r = newDurableRun(t, "  - transform: .\n  - fail: too late\n    after_response: true\n")
	r.fails(1, flows.CodeFail, "too late")
	if len(r.answers) != 1 {
		t.Errorf("answers %v", r.answers)
	}
	r = newDurableRun(t, "  - probe:\n    after_response: true\n")
	r.env.Respond = func(context.Context, flows.Response) error { return errors.New("away") }
	r.fails(1, flows.CodeInternal, "could not be answered")
	r.sawEffects(0)
}

func TestAnsweringMistakes(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"[{respond: }, {respond: }]": "step respond may have responded to the caller before this one does",
		"[{switch: [{when: ., steps: [{respond: }]}, {else: [{respond: }]}]}, {transform: .}]":       "",
		"[{switch: [{when: ., steps: [{respond: }]}]}, {respond: }]":                                 "step switch.1.respond may have responded",
		"[{respond: }, {switch: [{when: ., steps: [{respond: }]}]}]":                                 "step respond may have responded",
		"[{parallel: [{steps: [{respond: }]}, {steps: [{respond: }]}]}]":                             "another branch responds to the caller, too",
		"[{transform: ., on_error: {steps: [{respond: }]}}, {transform: .}]":                         "",
		"[{transform: ., on_error: {steps: [{respond: }]}}, {respond: }]":                            "step transform.on_error.respond may have",
		"[{transform: ., after_response: true}, {filter: .}]":                                        "filter comes after transform, which runs after the response",
		"[{switch: [{else: [{transform: ., after_response: true}]}]}]":                               "after_response is for the steps of the flow itself",
		"[{respond: {json: 1, text: a}}]":                                                            "json and text exclude each other",
		"[{respond: {status: 100}}]":                                                                 "status: expected 200 to 599",
		"[{respond: {headers: {Content-Length: 1}}}]":                                                `"Content-Length" cannot be set`,
		"[{respond: {headers: {set-cookie: a=b}}}]":                                                  `"set-cookie" cannot be set: it is the server's own`,
		"[{respond: {headers: {access-control-allow-origin: '*'}}}]":                                 `cannot be set`,
		"[{respond: {headers: {Date: x}}}]":                                                          `cannot be set`,
		"[{respond: {status: 303, headers: {location: /thanks}}}]":                                   "",
		"[{fail: no}, {filter: .}]":                                                                  "this step is never reached: fail fails on every item",
		"[{fail: no, if: .}, {filter: .}]":                                                           "",
		"[{fail: no, on_error: continue}, {filter: .}]":                                              "",
		"[{filter: .bad}, {fail: no}, {collect: length}, {filter: .}]":                               "",
		"[{parallel: [{steps: [{filter: .}]}]}]":                                                     "expected 2 to 16 branches",
		"[{parallel: [{steps: [{filter: .}]}, {branch: a, steps: [{filter: .}]}], results: object}]": "branch is missing",
		"[{parallel: [{branch: a, steps: [{filter: .}]}, {branch: a, steps: [{filter: .}]}]}]":       `another branch is called "a"`,
		"[{parallel: [{steps: [{filter: .}]}, {steps: [{filter: .}]}], join: 3}]":                    "join: expected all, any, or a number from 1 to 2",
		"[{emit: {flow: a, after: 1s, at: b}}]":                                                      "after and at exclude each other",
		"[{limit: {key: a, rate: 0}}]":                                                               "rate: expected 1 to 10000",
		"[{limit: {key: a, rate: 1, per: 48h}}]":                                                     "per: expected 1ms to 24h",
		"[{limit: {key: a, rate: 1, wait: 1s, when_full: fail}}]":                                    "wait has no meaning with when_full: fail",
		"[{dedupe: a, repeats: previous}]":                                                           "repeats: previous needs steps",
		"[{dedupe: a, for: 0s}]":                                                                     "a key must be remembered for some time",
		"[{loop_guard: {key: a, way: b, for: 0s}}]":                                                  "the other way must be blocked for some time",
		"[{state: {get: a, to: 1}}]":                                                                 "to does not belong to get",
		"[{state: {set: a}}]":                                                                        "to is missing",
		"[{state: {set: a, to: 1, into: b}}]":                                                        "set has no result",
		"[{state: {get: a, set: b}}]":                                                                "get and set exclude each other",
		"[{wait_for: {steps: [{filter: .}], max_body: 2GB}}]":                                        "max_body is a size from 1B to 1GB",
		"[{wait_for: {steps: [{filter: .}], within: 1000h}}]":                                        "within: expected 1s to 720h",
		"[{call: 'flow-${ . }'}]":                                                                    "${ } has no meaning here",
	} {
		_, err := flows.Parse("t", []byte("flow: 1\nsteps: "+source+"\n"), steps.Catalogue())
		if want == "" && err != nil || want != "" && (err == nil || !contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
}
