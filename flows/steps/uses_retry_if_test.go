package steps_test

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// What an operation says of an answer holds for each step that uses it: beside `as`, and with a number of attempts of the step. A
// condition of the step's own takes its place.
func TestConditionOfAnOperation(t *testing.T) {
	t.Parallel()
	const connector = `
tests: [{name: t, event: {n: 1}, mocks: {chat.post: {body: {ok: false, error: no_channel}}}, output: [{}]}]
---
connector: chat
base: https://chat.example.org
operations:
  post:
    http: {post: /post, json: {}}
    retry: {attempts: 2, if: 'if .body.ok then false else error("refused: \(.body.error)") end'}
    example: {response: {json: {ok: true}}}
`
	for step, want := range map[string]string{
		"{uses: chat.post}":                                                          "refused: no_channel",
		"{uses: chat.post, as: sent}":                                                "refused: no_channel",
		"{uses: chat.post, retry: 3}":                                                "refused: no_channel",
		"{uses: chat.post, as: sent, retry: 3}":                                      "refused: no_channel",
		`{uses: chat.post, retry: {attempts: 1, if: "false"}}`:                       "",
		`{uses: chat.post, as: sent, retry: {attempts: 1, if: .sent.body.ok | not}}`: "retry.if is true: .sent.body.ok | not",
	} {
		flow, err := flows.Parse("flow.yaml", []byte("flow: 1\nsteps: ["+step+"]"+connector), steps.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		failure := flows.RunTests(t.Context(), flow)[0].Failure
		if failed := strings.Contains(failure, "the run failed"); failed != (want != "") || !strings.Contains(failure, want) {
			t.Errorf("%s: %s", step, failure)
		}
	}
}
