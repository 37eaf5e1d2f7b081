package queue

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

// BenchmarkBacklog measures how fast a worker executes 20,000 queued runs of four flows
// without waiting callers. One iteration is one backlog.
func BenchmarkBacklog(b *testing.B) {
	const backlog, callers = 20_000, 64
	var spent time.Duration
	for range b.N {
		r := newTestQueue(b, testenv.Redis(b).URL())
		s := spec()
		s.Sync = false
		var left atomic.Int64
		left.Store(backlog)
		done := make(chan struct{})
		for range callers {
			go func() {
				for n := left.Add(-1); n >= 0; n = left.Add(-1) {
					s := s
					s.Flow = 1 + n%4
					r.submit(Submission{Spec: s}).Close()
				}
				done <- struct{}{}
			}()
		}
		for range callers {
			<-done
		}
		var ended atomic.Int64
		all := make(chan struct{})
		begun := time.Now()
		stop := r.worker(func(ctx context.Context, a *Attempt) Outcome {
			if ended.Add(1) == backlog {
				close(all)
			}
			return echo(ctx, a)
		}, func(c *ServerConfig) { c.Slots = 64 })
		<-all
		spent += time.Since(begun)
		stop()
	}
	b.ReportMetric(float64(backlog*b.N)/spent.Seconds(), "runs/s")
}
