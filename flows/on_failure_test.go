package flows_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

const handled = `flow: 1
run: {limit: 10s}
on_failure:
  - name: tell
    set: {order: '${ .n }', of: '${ $event.n }', why: '${ $error.message } at ${ $error.step } (${ $error.code }) in ${ $error.run }', status: '${ $error.status }'}
steps:
  - name: note
    fail: {message: 'order ${ .n } is not paid', code: unpaid, status: 402}
tests:
  - name: the run fails
    event: {n: 1}
    error: {code: unpaid, step: note}
  - name: its failure is handled
    event: {n: 1}
    failure: {message: 'order 1 is not paid', code: unpaid, step: note, status: 402}
    output: [{order: 1, of: 1, why: 'order 1 is not paid at note (unpaid) in failed', status: 402}]
  - name: a failure has a default
    event: {n: 1}
    failure: {}
    output: [{order: 1, of: 1, why: "a test's at  (step_failed) in failed", status: null}]
`

// on_failure runs in place of the steps, with the event of the run that failed and $error.
func TestOnFailure(t *testing.T) {
	t.Parallel()
	f, err := flows.Parse("f.yaml", []byte(handled), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range flows.RunTests(t.Context(), f) {
		if r.Failure != "" {
			t.Errorf("%s: %s", r.Name, r.Failure)
		}
	}
	if f.OnFailure == nil || f.OnFailure.Limit.Seconds() != 60 || f.Limit.Seconds() != 10 {
		t.Errorf("limits: %+v, %v", f.OnFailure, f.Limit)
	}
	none, err := flows.Parse("f.yaml", []byte("flow: 1\nsteps: [{transform: .}]\n"), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	var known *flows.Error
	_, err = none.Execute(t.Context(), flows.Run{Failure: &flows.Failure{Error: &flows.Error{}}}, flows.Env{})
	if !errors.As(err, &known) || known.Code != flows.CodeInternal {
		t.Errorf("a version without on_failure: %v", err)
	}
}

// Each mistake is reported at its place.
func TestMistakesInOnFailure(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"on_failure: {steps: [{transform: .}], limit: 0s}\nsteps: [{transform: .}]":                                   "f.yaml:2:46: limit: expected 1ms to 24h",
		"on_failure: {limit: 5s}\nsteps: [{transform: .}]":                                                            "steps is missing",
		"on_failure: 5\nsteps: [{transform: .}]":                                                                      "f.yaml:2:13",
		"on_failure: [{transform: $error.foo}]\nsteps: [{transform: .}]":                                              `$error has no "foo"`,
		"steps: [{transform: $error}]":                                                                                "f.yaml:2:21: $error belongs to the steps of on_failure",
		"on_failure: [{respond: {status: 200}}]\nsteps: [{transform: .}]":                                             "no caller waits for these steps",
		"on_failure: [{transform: $steps.a}]\nsteps: [{name: a, transform: .}]":                                       `$steps.a does not exist`,
		"on_failure: [{name: a, transform: .}]\nsteps: [{transform: $steps.a}]":                                       `$steps.a does not exist`,
		"on_failure: [{transform: ., after_response: true}]\nsteps: [{transform: .}]":                                 "after_response is for the steps of the flow itself",
		"steps: [{transform: .}]\ntests: [{name: a, failure: {}, output: []}]":                                        "failure: the flow has no on_failure",
		"on_failure: [{transform: .}]\nsteps: [{transform: .}]\ntests: [{name: a, failure: {mesage: x}, output: []}]": `failure: unknown name "mesage"`,
	} {
		_, err := flows.Parse("f.yaml", []byte("flow: 1\n"+text+"\n"), steps.Catalogue())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got: %v\nwant: %s", text, err, want)
		}
	}
}
