package flows_test

import (
	"sync"
	"testing"

	"github.com/penstock/penstock/flows"
)

// Programs that delete from one value at the same time do not write to its shared parts. Concurrent writes to a map
// would end the process.
func TestDeletingLeavesSharedPartsAlone(t *testing.T) {
	t.Parallel()
	flow := parse(t, "  - transform: del(.a)\n")
	v := event(t, `{"a": 1, "b": {"c": {"d": [1, {"e": 2}]}, "f": {"g": 1, "h": 2}}}`)
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			for range 2000 {
				if _, err := flow.Execute(t.Context(), flows.Run{ID: "r", Event: v}, flows.Env{}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	done.Wait()
}
