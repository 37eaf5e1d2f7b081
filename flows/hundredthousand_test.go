// A test that judges the heap, on as many items as a run may have: the race detector multiplies both its memory and its
// time, so that a step takes longer than an evaluation may.

//go:build !race

package flows_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
)

// fivePureSteps is a typical export: split the records, select fields, filter, transform, collect.
const fivePureSteps = `
  - split: .[]
  - set: {id: "${ .id }", name: "${ .first } ${ .last }", age: "${ .age }"}
  - filter: .age >= 18
  - transform: '{id, name, group: (if .age < 65 then "adult" else "senior" end)}'
  - collect: 'group_by(.group)[] | {group: .[0].group, count: length}'
`

// constituents are records as a CRM exports them.
func constituents(n int) []any {
	all := make([]any, n)
	for i := range all {
		all[i] = map[string]any{
			"id": json.Number(strconv.Itoa(9007199254740993 + i)), "first": "Ada", "last": fmt.Sprintf("Lovelace %d", i),
			"age": json.Number(strconv.Itoa(i % 100)), "city": "London", "active": true,
		}
	}
	return all
}

// This is the largest flow within the bounds: 100,000 items.
func BenchmarkHundredThousandItems(b *testing.B) {
	flow, event := parse(b, fivePureSteps), constituents(100_000)
	benchmark(b, flow, event, 2)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500_000, "ns/item-step")
}

// Its memory is bounded: the run holds its items and no more, and all of it is free afterwards.
func TestHundredThousandItems(t *testing.T) {
	flow, event := parse(t, fivePureSteps), constituents(100_000)
	runtime.GC()
	before := heap()
	var most uint64
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				most = max(most, heap())
			}
		}
	}()
	output, err := flow.Execute(t.Context(), flows.Run{ID: "r", Event: event}, flows.Env{})
	close(done)
	<-watched
	if err != nil {
		t.Fatal(err)
	}
	want(t, output, `[{"count":47000,"group":"adult"},{"count":35000,"group":"senior"}]`)
	const bound = 256 << 20 // four times what a run may hold, for garbage that is not yet collected
	if most > before+bound {
		t.Errorf("the heap grew by %d MiB", (most-before)>>20)
	}
	t.Logf("the heap grew by %d MiB", (most-before)>>20)
	runtime.GC()
	if after := heap(); after > before+8<<20 {
		t.Errorf("%d MiB are left behind", (after-before)>>20)
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
