package queue

import (
	"context"
	"regexp"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

// BenchmarkBacklog measures how fast a worker executes 20,000 queued runs of four flows
// without waiting callers. One iteration is one backlog.
func BenchmarkBacklog(b *testing.B) {
	const backlog, callers = 20_000, 64
	var spent, worker, redis time.Duration
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
		begun, ownCPU, redisCPU := time.Now(), processTime(b), redisTime(b, r)
		stop := r.worker(func(ctx context.Context, a *Attempt) Outcome {
			if ended.Add(1) == backlog {
				close(all)
			}
			return echo(ctx, a)
		}, func(c *ServerConfig) { c.Slots = 64 })
		<-all
		spent += time.Since(begun)
		worker, redis = worker+processTime(b)-ownCPU, redis+redisTime(b, r)-redisCPU
		stop()
	}
	runs := float64(backlog * b.N)
	b.ReportMetric(runs/spent.Seconds(), "runs/s")
	b.ReportMetric(float64(worker.Microseconds())/runs, "worker-µs/run")
	b.ReportMetric(float64(redis.Microseconds())/runs, "redis-µs/run")
}

// processTime returns the processor time of this process.
func processTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var cpuSeconds = regexp.MustCompile(`used_cpu_(?:sys|user):([0-9.]+)`)

// redisTime returns the processor time of Redis.
func redisTime(b *testing.B, r *testQueue) (sum time.Duration) {
	text, err := r.redis.Info(b.Context(), "cpu").Result()
	if err != nil {
		b.Fatal(err)
	}
	for _, m := range cpuSeconds.FindAllStringSubmatch(text, -1) {
		seconds, _ := strconv.ParseFloat(m[1], 64)
		sum += time.Duration(seconds * float64(time.Second))
	}
	return sum
}
