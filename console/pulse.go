package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hibiken/asynq"

	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/queue"
)

const (
	// pulseFor is how long one look serves all who ask.
	pulseFor = time.Second
	// pulseRuns bounds the runs of one look.
	pulseRuns = 2000
	// pulseWindow is how far back a look goes, at most.
	pulseWindow = 15 * time.Minute
	// pulseBars are drawn over the window.
	pulseBars = 60
)

// pulse is how the product does, looked at once for all who ask. Safe for
// concurrent use.
type pulse struct {
	queue *queue.Client
	asynq *asynq.Inspector
	now   func() time.Time

	mu   sync.Mutex // held while looking; guards what follows
	at   time.Time
	last view.Pulse
}

func newPulse(q *queue.Client, i *asynq.Inspector, now func() time.Time) *pulse {
	return &pulse{queue: q, asynq: i, now: now}
}

// take returns a look that is at most a second old.
func (p *pulse) take(ctx context.Context) (view.Pulse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if now.Sub(p.at) < pulseFor {
		return p.last, nil
	}
	looked, err := p.look(ctx, now)
	if err != nil {
		return view.Pulse{}, err
	}
	p.at, p.last = now, looked
	return looked, nil
}

func (p *pulse) look(ctx context.Context, now time.Time) (view.Pulse, error) {
	var runs []queue.Record
	from := now.Add(-pulseWindow)
	_, err := p.queue.List(ctx, queue.List{Most: pulseRuns, From: from}, func(r *queue.Record) { runs = append(runs, *r) })
	if err != nil {
		return view.Pulse{}, err
	}
	window := pulseWindow
	if len(runs) >= pulseRuns { // there are more than were read: say for how long they stand
		window = max(now.Sub(accepted(&runs[len(runs)-1])), time.Second)
	}
	looked := summary(runs, now, window)
	looked.More = len(runs) >= pulseRuns
	if looked.Queues, err = p.queues(); err != nil {
		return view.Pulse{}, err
	}
	looked.Workers, err = p.workers(now)
	return looked, err
}

// summary counts runs, the newest first, over a window.
func summary(runs []queue.Record, now time.Time, window time.Duration) view.Pulse {
	s := view.Pulse{Window: window, Bars: make([]view.PulseBar, pulseBars)}
	recent := min(window, time.Minute)
	var took []time.Duration
	for i := range runs {
		r := &runs[i]
		age := max(0, now.Sub(accepted(r)))
		if age < recent {
			s.Rate++
		}
		bar := &s.Bars[max(0, pulseBars-1-int(int64(age)*pulseBars/int64(window)))]
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

// percentile of durations in order; zero: there are none.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}

// queues are as asynq sees them.
func (p *pulse) queues() ([]view.QueueRow, error) {
	names, err := p.asynq.Queues()
	if err != nil {
		return nil, fmt.Errorf("%w: list queues: %w", queue.ErrUnavailable, err)
	}
	slices.Sort(names)
	var rows []view.QueueRow
	for _, name := range names {
		info, err := p.asynq.GetQueueInfo(name)
		if errors.Is(err, asynq.ErrQueueNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%w: read queue: %w", queue.ErrUnavailable, err)
		}
		rows = append(rows, view.QueueRow{
			Name: name, Pending: info.Pending, Active: info.Active, Oldest: info.Latency, Paused: info.Paused, Today: info.Processed,
		})
	}
	return rows, nil
}

// workers are those that told asynq of themselves lately.
func (p *pulse) workers(now time.Time) ([]view.WorkerRow, error) {
	servers, err := p.asynq.Servers()
	if err != nil {
		return nil, fmt.Errorf("%w: list workers: %w", queue.ErrUnavailable, err)
	}
	var rows []view.WorkerRow
	for _, s := range servers {
		rows = append(rows, view.WorkerRow{
			Name: fmt.Sprintf("%s:%d", s.Host, s.PID), Slots: s.Concurrency, Busy: len(s.ActiveWorkers), Up: now.Sub(s.Started), Stopping: s.Status != "active",
		})
	}
	slices.SortFunc(rows, func(a, b view.WorkerRow) int { return strings.Compare(a.Name, b.Name) })
	return rows, nil
}
