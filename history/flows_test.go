package history

import (
	"fmt"
	"testing"
	"time"

	"github.com/penstock/penstock/queue"
)

func TestFiguresOfEachFlow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *DB) {
		of := func(flow int64, ago, took time.Duration, state queue.State) Run {
			return ended(noon.Add(-ago), func(r *queue.Record) {
				r.Flow, r.State, r.Times.Finished = flow, state, r.Times.Accepted.Add(took)
			})
		}
		first := of(1, 3*time.Hour, time.Second, queue.Failed)
		last := of(1, time.Minute, 2*time.Second, queue.Succeeded)
		old := of(2, 40*24*time.Hour, time.Second, queue.TimedOut)
		write(t, h, last, first, of(1, 2*time.Minute, time.Second, queue.Cancelled), old, of(3, time.Hour, time.Second, queue.TimedOut))
		got, err := h.Flows(t.Context(), noon.Add(-24*time.Hour), noon.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if f := got[1]; f.Runs != 3 || f.Failed != 1 || f.P95 < 1800*time.Millisecond || f.P95 > 2200*time.Millisecond {
			t.Errorf("flow 1: %+v", f)
		}
		if f := got[3]; f.Runs != 1 || f.Failed != 1 || len(got) != 2 {
			t.Errorf("flow 3: %+v of %d flows", f, len(got))
		}
		runs, err := h.LastRuns(t.Context(), []int64{1, 2, 9})
		if err != nil {
			t.Fatal(err)
		}
		if r := runs[1]; r.ID != last.ID || r.State != queue.Succeeded || !r.AcceptedAt.Equal(noon.Add(-time.Minute)) {
			t.Errorf("the last run of flow 1: %+v, want %s", r, last.ID)
		}
		if r := runs[2]; r.ID != old.ID || r.State != queue.TimedOut || len(runs) != 2 {
			t.Errorf("the last run of flow 2: %+v of %d flows", r, len(runs))
		}
		if none, err := h.LastRuns(t.Context(), nil); err != nil || len(none) != 0 {
			t.Errorf("no flows: %v, %v", none, err)
		}
	})
}

// BenchmarkFlows reads what the list of 1,000 flows shows, with 100,000 runs in a day.
func BenchmarkFlows(b *testing.B) {
	h := openBench(b)
	const n = 1000
	for batch := range 100 {
		runs := make([]Run, n)
		for i := range runs {
			runs[i] = ended(noon.Add(-time.Duration(batch)*14*time.Minute), func(r *queue.Record) { r.Flow = int64(i + 1) })
		}
		if err := h.Write(b.Context(), runs); err != nil {
			b.Fatal(err)
		}
	}
	flows := make([]int64, n)
	for i := range flows {
		flows[i] = int64(i + 1)
	}
	b.Run("figures", func(b *testing.B) {
		for range b.N {
			if got, err := h.Flows(b.Context(), noon.Add(-24*time.Hour), noon.Add(time.Minute)); err != nil || len(got) != n {
				b.Fatal(fmt.Sprint(len(got), " flows"), err)
			}
		}
	})
	b.Run("last", func(b *testing.B) {
		for range b.N {
			if got, err := h.LastRuns(b.Context(), flows); err != nil || len(got) != n {
				b.Fatal(fmt.Sprint(len(got), " flows"), err)
			}
		}
	})
}
