// Package load calls a function from many concurrent callers and reports the latency of the calls.
package load

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Call is one request of a caller. It must be safe for concurrent use.
type Call func(ctx context.Context) error

// Plan describes a load.
type Plan struct {
	Callers  int           // each calls again after its response and Pause
	Pause    time.Duration // maximum random pause between the calls of a caller; 0: none
	Rate     float64       // calls per second in total, independent of responses; 0: closed loop
	Calls    int           // stop after this many calls; 0: no limit
	Duration time.Duration // stop after this time; 0: no limit
	Warm     int           // uncounted warm-up calls of each caller

	// Progress is called about once a second with the number of calls; optional.
	Progress func(calls int64)
}

// Report is the result of a Plan.
type Report struct {
	Calls   int           `json:"calls"`
	Errors  int           `json:"errors"`
	Took    time.Duration `json:"took_ns"`
	First   error         `json:"-"` // the first error
	latency []time.Duration
}

// Rate returns the number of successful calls per second.
func (r *Report) Rate() float64 {
	if r.Took <= 0 {
		return 0
	}
	return float64(r.Calls-r.Errors) / r.Took.Seconds()
}

// Percentile returns the latency that p percent of the successful calls did not exceed.
func (r *Report) Percentile(p float64) time.Duration {
	if len(r.latency) == 0 {
		return 0
	}
	return r.latency[min(len(r.latency)-1, int(float64(len(r.latency))*p/100))]
}

// Merge adds the calls of another report, of another round of the same plan.
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

// Run executes a plan. It ends early when ctx ends.
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
	left  atomic.Int64 // remaining calls, when the plan limits them
	count atomic.Int64

	mu     sync.Mutex
	report Report // guarded by mu
}

// watch calls the plan's Progress until stop is called.
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

// next reports whether one more call may start.
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

// pace starts calls at fixed times and measures latency from these times, so that a stalled server does not slow down
// the load.
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
