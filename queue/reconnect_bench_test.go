package queue

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/sleep"
	"github.com/penstock/penstock/internal/testenv"
)

// BenchmarkReconnect measures what callers notice when all connections to Redis are
// cut while a worker executes 10,000 runs: calls a second before, in the first
// second after, and in the second one. One iteration is one cut.
func BenchmarkReconnect(b *testing.B) {
	const active, callers, lasting = 10_000, 64, 2
	r := newTestQueue(b, testenv.Redis(b).URL())
	ended := make(chan struct{})
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		if a.Flow == lasting {
			<-ended
		}
		return echo(ctx, a)
	}, func(c *ServerConfig) { c.Slots = active + 256; c.Retention = 5 * time.Second })
	b.Cleanup(func() { close(ended) }) // before the worker stops, which waits for its runs
	s := spec()
	s.Flow, s.Sync, s.Limit = lasting, false, time.Hour
	for range active {
		r.submit(Submission{Spec: s}).Close()
	}
	r.eventually("all of them have begun", func() bool { return r.begun() == active })

	var calls, failed atomic.Int64
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan struct{})
	for range callers {
		go func() {
			defer func() { done <- struct{}{} }()
			for ctx.Err() == nil {
				ticket, err := r.client.Submit(context.Background(), Submission{Spec: spec()})
				if err == nil {
					_, err = ticket.Wait(context.Background())
				}
				if err != nil {
					failed.Add(1)
				}
				calls.Add(1)
			}
		}()
	}
	second := func() float64 {
		before := calls.Load()
		_ = sleep.For(b.Context(), time.Second)
		return float64(calls.Load() - before)
	}
	second()
	var before, first, next float64
	b.ResetTimer()
	for range b.N {
		before += second()
		r.redis.ClientKillByFilter(b.Context(), "TYPE", "normal")
		first += second()
		next += second()
	}
	b.StopTimer()
	stop()
	for range callers {
		<-done
	}
	b.ReportMetric(before/float64(b.N), "calls/s-before")
	b.ReportMetric(100*first/before, "%-in-the-1st-second-after")
	b.ReportMetric(100*next/before, "%-in-the-2nd")
	if n := failed.Load(); n > 0 {
		b.Errorf("%d calls failed", n)
	}
}
