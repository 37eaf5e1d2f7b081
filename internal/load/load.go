// Package load drives a function with many callers and reports how long its
// calls took.
package load

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Call is one request of a caller. It is called by many goroutines at once.
type Call func(ctx context.Context) error

// Plan says how the function is called.
type Plan struct {
	Callers  int           // each calls again when it was answered, and after Pause
	Pause    time.Duration // longest random pause between a caller's calls; 0: none
	Rate     float64       // calls a second in all, whatever is answered; 0: closed loop
	Calls    int           // stop after so many; 0: no limit
	Duration time.Duration // stop after so long; 0: no limit
	Warm     int           // calls of each caller that are not counted

	// Progress is told about once a second how many calls were made; nil: nobody.
	Progress func(calls int64)
}

// Report is what came of a Plan.
type Report struct {
	Calls   int           `json:"calls"`
	Errors  int           `json:"errors"`
	Took    time.Duration `json:"took_ns"`
	First   error         `json:"-"` // the first error
	latency []time.Duration
}

// Rate is the number of answered calls a second.
func (r *Report) Rate() float64 {
	if r.Took <= 0 {
		return 0
	}
	return float64(r.Calls-r.Errors) / r.Took.Seconds()
}

// Percentile is the latency that p percent of the answered calls did not exceed.
func (r *Report) Percentile(p float64) time.Duration {
	if len(r.latency) == 0 {
		return 0
	}
	return r.latency[min(len(r.latency)-1, int(float64(len(r.latency))*p/100))]
}

// Merge adds another report's calls, as of another round of the same plan.
func (r *Report) Merge(o *Report) {
	r.Calls += o.Calls
	r.Errors += o.Errors
	r.Took += o.Took
	if r.First == nil {
		r.First = o.First
	}
	r.latency = append(r.latency, o.latency...)
	slices.Sort(r.latency)
}

// Run carries a plan out. It ends early with ctx.
func Run(ctx context.Context, p Plan, call Call) *Report {
	if p.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.Duration)
		defer cancel()
	}
	d := &driver{plan: p, call: call}
	d.left.Store(int64(p.Calls))
	stop := d.watch()
	defer stop()
	start := time.Now()
	var all sync.WaitGroup
	if p.Rate > 0 {
		d.pace(ctx, &all)
	} else {
		for range max(p.Callers, 1) {
			all.Go(func() { d.loop(ctx) })
		}
	}
	all.Wait()
	d.report.Took = time.Since(start)
	slices.Sort(d.report.latency)
	return &d.report
}

type driver struct {
	plan  Plan
	call  Call
	left  atomic.Int64 // calls that may still begin, when the plan limits them
	count atomic.Int64

	mu     sync.Mutex
	report Report // guarded by mu
}

// watch tells the plan's Progress until stopped.
func (d *driver) watch() (stop func()) {
	if d.plan.Progress == nil {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				d.plan.Progress(d.count.Load())
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}

// next reports whether one more call may begin.
func (d *driver) next(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	return d.plan.Calls == 0 || d.left.Add(-1) >= 0
}

// loop is one caller of a closed loop.
func (d *driver) loop(ctx context.Context) {
	for range d.plan.Warm {
		_ = d.call(ctx)
	}
	var mine Report
	for d.next(ctx) {
		d.callOnce(ctx, &mine, time.Now())
		if d.plan.Pause > 0 {
			time.Sleep(rand.N(d.plan.Pause))
		}
	}
	d.add(&mine)
}

// pace begins calls at their times and counts latency from then: a server that
// stalls does not make the load wait for it.
func (d *driver) pace(ctx context.Context, all *sync.WaitGroup) {
	every := time.Duration(float64(time.Second) / d.plan.Rate)
	next := time.Now()
	for d.next(ctx) {
		time.Sleep(time.Until(next))
		if ctx.Err() != nil {
			return
		}
		at := next
		all.Go(func() {
			var mine Report
			d.callOnce(ctx, &mine, at)
			d.add(&mine)
		})
		next = next.Add(every)
	}
}

func (d *driver) callOnce(ctx context.Context, r *Report, from time.Time) {
	err := d.call(context.WithoutCancel(ctx))
	d.count.Add(1)
	r.Calls++
	if err != nil {
		r.Errors++
		if r.First == nil {
			r.First = err
		}
		return
	}
	r.latency = append(r.latency, time.Since(from))
}

func (d *driver) add(r *Report) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.report.Calls += r.Calls
	d.report.Errors += r.Errors
	if d.report.First == nil {
		d.report.First = r.First
	}
	d.report.latency = append(d.report.latency, r.latency...)
}
