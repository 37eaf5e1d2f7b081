package queue

import (
	"runtime"
	"testing"

	"github.com/penstock/penstock/internal/testenv"
)

// BenchmarkWaiters measures the cost of ten thousand waiting callers: memory for each,
// goroutines and connections to Redis in total.
func BenchmarkWaiters(b *testing.B) {
	const waiting = 10_000
	r := newTestQueue(b, testenv.Redis(b).URL())
	r.wait(warm(r))
	for range b.N {
		before := liveHeap()
		goroutines := runtime.NumGoroutine()
		tickets := make([]*Ticket, waiting)
		for i := range tickets {
			tickets[i] = r.submit(Submission{Spec: spec()})
		}
		b.ReportMetric(float64(liveHeap()-before)/waiting, "B/waiter")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines), "goroutines")
		clients, err := r.redis.ClientList(b.Context()).Result()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(lines(clients)), "connections")
		for _, t := range tickets {
			t.Close()
		}
		r.redis.FlushAll(b.Context())
	}
}

// warm submits one run with a worker at hand, so that all is open.
func warm(r *testQueue) *Ticket {
	stop := r.worker(echo)
	defer stop()
	return r.submit(Submission{Spec: spec()})
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func lines(s string) (n int) {
	for _, c := range s {
		if c == '\n' {
			n++
		}
	}
	return n
}
