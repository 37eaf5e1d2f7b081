// This test judges processor time and allocations, which the race detector multiplies.

//go:build !race

package flows_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
)

// No program on any event, of 64 KB together, takes more processor time than its run's limit and 100 ms.
func FuzzProgram(f *testing.F) {
	for _, source := range filesOf(f, "testdata/hostile/jq-*.yaml") {
		_, program, _ := strings.Cut(string(source), "transform: ")
		f.Add(strings.Trim(program, "'\n"), `[1, [1], "a", {"a": null}]`)
	}
	f.Add(`. as [$a, $b] | $a | gsub("a*"; "b") | .[$b]`, `["aaaa", 2]`)
	f.Fuzz(func(t *testing.T, program, text string) {
		event, err := flows.DecodeJSON([]byte(text))
		if err != nil || len(program)+len(text) > 64<<10 {
			return
		}
		flow, err := flows.Parse("f.yaml", []byte("flow: 1\nsteps:\n- transform: "+string(flows.EncodeJSON(program))+"\n"), catalogue())
		if err != nil {
			return
		}
		const limit = 50 * time.Millisecond
		bound := (limit + 100*time.Millisecond) * pace()
		took := leastWorked(bound, func() {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			_, err = flow.Execute(ctx, flows.Run{ID: "r", Event: event}, flows.Env{})
		})
		if took > bound {
			t.Errorf("%v, %v", took, err)
		}
	})
}
