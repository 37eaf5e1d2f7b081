package console

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/queue"
)

const (
	// overviewTTL is how long one result serves all users.
	overviewTTL = time.Second
	// overviewRuns is the maximum number of runs that are counted.
	overviewRuns = 1000
	// overviewWindow is the maximum age of the runs that are counted. Redis keeps them as long, unless --hot is less.
	overviewWindow = 15 * time.Minute
	// overviewBars is the number of bars of the chart.
	overviewBars = 60
)

// overviewCache computes the state of the installation at most once a second for all users. Safe for concurrent use.
type overviewCache struct {
	queue  *queue.Client
	health *health
	now    func() time.Time

	mu       sync.Mutex // held while loading; guards the fields below
	loadedAt time.Time
	last     view.Activity
}

func newOverviewCache(q *queue.Client, h *health, now func() time.Time) *overviewCache {
	return &overviewCache{queue: q, health: h, now: now}
}

// latest returns the last result and its time; zero: there is none.
func (p *overviewCache) latest() (view.Activity, time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last, p.loadedAt
}

// get returns a result that is at most a second old.
func (p *overviewCache) get(ctx context.Context) (view.Activity, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if now.Sub(p.loadedAt) < overviewTTL {
		return p.last, nil
	}
	looked, err := p.load(ctx, now)
	if err != nil {
		return view.Activity{}, err
	}
	p.loadedAt, p.last = now, looked
	return looked, nil
}

func (p *overviewCache) load(ctx context.Context, now time.Time) (view.Activity, error) {
	var runs []queue.Record
	from := now.Add(-overviewWindow)
	_, _, err := p.queue.List(ctx, queue.List{Most: overviewRuns, From: from, Stored: true, Short: true}, func(r *queue.Record) { runs = append(runs, *r) })
	if err != nil {
		return view.Activity{}, err
	}
	window := overviewWindow
	if len(runs) >= overviewRuns { // there are more runs: shorten the window to the ones that were read
		window = max(now.Sub(runs[len(runs)-1].AcceptedAt()), time.Second)
	}
	looked := summarize(runs, now, window)
	looked.More = len(runs) >= overviewRuns
	if looked.Queues, err = p.queues(ctx); err != nil {
		return view.Activity{}, err
	}
	looked.Workers, err = p.workers(ctx, now)
	return looked, err
}

// summarize counts runs, given newest first, within a window before now.
func summarize(runs []queue.Record, now time.Time, window time.Duration) view.Activity {
	s := view.Activity{Window: window, Bars: make([]view.ActivityBar, overviewBars)}
	recent := min(window, time.Minute)
	var took []time.Duration
	for i := range runs {
		r := &runs[i]
		age := max(0, now.Sub(r.AcceptedAt()))
		if age < recent {
			s.Rate++
		}
		bar := &s.Bars[max(0, overviewBars-1-int(int64(age)*overviewBars/int64(window)))]
		s.Runs++
		bar.Runs++
		switch {
		case r.State == queue.Failed, r.State == queue.TimedOut:
			s.Failed++
			bar.Failed++
		case !r.State.Terminal():
			s.Open++
		}
		if r.State.Terminal() && !r.Times.Finished.IsZero() {
			took = append(took, duration(r, now))
		}
	}
	s.Rate /= recent.Seconds()
	slices.Sort(took)
	s.P50, s.P95, s.P99 = percentile(took, 50), percentile(took, 95), percentile(took, 99)
	return s
}

// percentile returns the p-th percentile of sorted durations; zero when there are none.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}

// queues returns the queues by name. asynq's own figures are not asked for: they include the memory of tasks, and fail
// while the task of a run that was stopped in the queue is still in its list.
func (p *overviewCache) queues(ctx context.Context) ([]view.QueueRow, error) {
	all, err := p.queue.Stats(ctx)
	if err != nil {
		return nil, err
	}
	rows := make([]view.QueueRow, len(all))
	for i := range all {
		s := &all[i]
		rows[i] = view.QueueRow{Name: s.Queue, Pending: int(s.Pending), Active: int(s.Active), Oldest: s.Oldest, Paused: s.Paused}
	}
	return rows, nil
}

// workers returns the workers, those that were killed too, for as long as no other worker has removed them.
func (p *overviewCache) workers(ctx context.Context, now time.Time) ([]view.WorkerRow, error) {
	loads, err := p.health.workers(ctx)
	if err != nil {
		return nil, err
	}
	rows := make([]view.WorkerRow, len(loads))
	for i := range loads {
		l := &loads[i]
		rows[i] = view.WorkerRow{Name: fmt.Sprintf("%s:%d", l.Host, l.PID), Slots: l.Slots(), Busy: l.Busy, Up: now.Sub(l.Started), Stopping: l.Draining, Lost: l.Lost}
	}
	return rows, nil
}
