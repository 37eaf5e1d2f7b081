package flows_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
)

func TestStepsThatReachTheWorld(t *testing.T) {
	t.Parallel()
	flow := parse(t, `
  - name: find
    http: {get: http://h}
  - switch:
      - when: .a
        steps:
          - http: {post: http://h, json: {}}
      - else:
          - delay: 1s
          - set: {a: 1}
`)
	want := []flows.ExternalStep{{Path: "find", Mock: "find"}, {Path: "switch.1.http", Mock: "http"}}
	if diff := cmp.Diff(want, flow.ExternalSteps()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A mock may have a sequence of results; the last one repeats. Tests process one item after the other, so that the
// order is defined.
func TestMocksForEachTime(t *testing.T) {
	t.Parallel()
	flow := parse(t, "  - split: .[]\n  - name: read\n    http: {get: http://h}\n    concurrency: 8\n    on_error: continue\n  - transform: .body // .error.message\n")
	each := []any{map[string]any{"body": "a"}, []any{map[string]any{"body": "b"}, map[string]any{"body": "c"}}, map[string]any{"error": map[string]any{"message": "away"}}, map[string]any{"body": "d"}}
	for range 3 {
		output, err := flow.RunWithMocks(t.Context(), flows.Run{Event: numbers(5)}, map[string]any{"read": map[string]any{"each": each}})
		if err != nil {
			t.Fatal(err)
		}
		want(t, output, `["a","b","c","away","d","d"]`)
	}
}
