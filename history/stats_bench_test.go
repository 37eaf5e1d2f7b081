package history

import (
	"database/sql"
	"fmt"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/queue"
)

// BenchmarkStats compares the processor time of counting a run, in batches of 1,000, with that of writing it, and measures what a
// query of a day costs.
func BenchmarkStats(b *testing.B) {
	h := openBench(b)
	for _, flows := range []int64{1, 50} {
		batch := func(i int) []Run {
			runs, _ := someRuns(archiveBatch, uint64(i))
			for j := range runs {
				at := noon.Add(time.Duration(i) * time.Second)
				runs[j] = ended(at, func(r *queue.Record) {
					r.Flow = int64(j) % flows
					r.Event = []byte(fmt.Sprintf(`{"order": %d, "name": "Ada", "lines": [{"sku": "a-%d", "n": 1}]}`, j, j))
					r.Times.Finished = at.Add(time.Duration(j) * 37 * time.Microsecond)
					r.Steps = []byte(fmt.Sprintf(`{"steps":[{"step":"fetch","kind":"http","in":1,"out":1,"at":"2026-11-27T12:00:00Z","us":%d},{"step":"set","kind":"set","in":1,"out":1,"at":"2026-11-27T12:00:00Z","us":11}]}`, j*31))
				})
			}
			return runs
		}
		b.Run(fmt.Sprintf("write/flows=%d", flows), func(b *testing.B) {
			var spent time.Duration
			for i := range b.N {
				runs := batch(i)
				begun := processorTime(b)
				if err := h.Write(b.Context(), runs); err != nil {
					b.Fatal(err)
				}
				spent += processorTime(b) - begun
			}
			reportRun(b, spent)
		})
		b.Run(fmt.Sprintf("count/flows=%d", flows), func(b *testing.B) {
			var spent time.Duration
			for i := range b.N {
				runs := batch(i)
				rows, isNew, records, steps := make([]row, len(runs)), make([]bool, len(runs)), make([]queue.Record, len(runs)), make([]*recordedSteps, len(runs))
				for j := range runs {
					var err error
					if rows[j], err = makeRow(&runs[j]); err == nil {
						records[j], err = runs[j].Decode()
						steps[j] = stepsOf(&records[j])
					}
					if isNew[j] = true; err != nil {
						b.Fatal(err)
					}
				}
				begun := processorTime(b)
				for j := range rows {
					rows[j].observation = observe(&records[j], steps[j])
				}
				err := h.inTransaction(b.Context(), func(tx *sql.Tx) error { return h.countRuns(b.Context(), tx, rows, isNew) })
				if err != nil {
					b.Fatal(err)
				}
				spent += processorTime(b) - begun
			}
			reportRun(b, spent)
		})
	}
	for i := range 24 { // 1,440 minutes with runs
		runs, _ := someRuns(1000, uint64(i))
		sums := map[period]*summary{}
		for j := range runs {
			r, err := makeRow(&runs[j])
			if err != nil {
				b.Fatal(err)
			}
			of := periodOf(7, minute, noon.Add(-time.Duration(i)*time.Hour-time.Duration(j%60)*time.Minute).UnixMilli())
			if sums[of] == nil {
				sums[of] = newSummary()
			}
			sums[of].add(&r.observation, true)
		}
		if err := h.inTransaction(b.Context(), func(tx *sql.Tx) error { return h.addSummaries(b.Context(), tx, sums) }); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("query", func(b *testing.B) {
		for range b.N {
			if _, err := h.Stats(b.Context(), StatsQuery{Flows: []int64{7}, From: noon.Add(-oneDay), To: noon, Now: noon}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// processorTime returns what this process has used.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func reportRun(b *testing.B, spent time.Duration) {
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N*archiveBatch), "cpu-ns/run")
}

func openBench(b *testing.B) *DB {
	h, err := Open(b.Context(), "sqlite:"+b.TempDir()+"/runs.db", slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = h.Close() })
	return h
}
