package queue

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/testenv"
)

// BenchmarkStoredRun reports what Redis needs for an ended run that the history has, with an event of 1 KB:
//
//	go test ./queue -run '^$' -bench StoredRun -benchtime 5000x
func BenchmarkStoredRun(b *testing.B) {
	r := newTestQueue(b, testenv.Redis(b).URL())
	r.worker(func(context.Context, *Attempt) Outcome {
		return Outcome{State: Succeeded, Output: []byte(`[{"id":17}]`), Steps: []byte(`[` + strings.Repeat(`{"step":"check","kind":"set","in":1,"out":1,"us":11},`, 3) + `{}]`)}
	})
	s := Submission{Spec: spec()}
	s.Event = json.RawMessage(`"` + strings.Repeat("x", 1000) + `"`)
	one := func() {
		if result := r.wait(r.submit(s)); result.State != Succeeded {
			b.Fatal(result.State)
		}
	}
	used := func() (bytes float64) {
		r.nothingLeft()
		runs, _, err := r.client.ReadEnded(b.Context(), "default", 1_000_000)
		for err == nil && len(runs) > 0 {
			if err = r.client.MarkArchived(b.Context(), "default", runs); err == nil {
				runs, _, err = r.client.ReadEnded(b.Context(), "default", 1_000_000)
			}
		}
		if err != nil {
			b.Fatal(err)
		}
		for line := range strings.Lines(r.redis.Info(b.Context(), "memory").Val()) {
			if text, ok := strings.CutPrefix(strings.TrimSpace(line), "used_memory:"); ok {
				bytes, _ = strconv.ParseFloat(text, 64)
			}
		}
		return bytes
	}
	one()
	before := used()
	for b.Loop() {
		one()
	}
	b.ReportMetric((used()-before)/float64(b.N), "B/run")
}
