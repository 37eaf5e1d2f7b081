package flowpage

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/penstock/penstock/history"
	"github.com/penstock/penstock/queue"
)

const (
	// figuresAge is the age from which the figures of all flows are read anew, in the background.
	figuresAge = 30 * time.Second
	// maxFiguresAge is the age from which they are not shown any more.
	maxFiguresAge = 5 * time.Minute
	// figuresWait is how long a page waits for the first figures before it comes without them.
	figuresWait = 50 * time.Millisecond
	// figuresTime is how long reading them may take.
	figuresTime = 10 * time.Second
)

// spans are the times over which the figures may be, the first that is not too much to add up.
var spans = []time.Duration{24 * time.Hour, 3 * time.Hour, time.Hour} // read only

// known is what the history says of all flows. It is not changed once it is made.
type known struct {
	at   time.Time // when it was read; zero: never
	last map[int64]history.LastRun
	runs map[int64]history.FlowSummary
	over time.Duration // the time of runs; zero: there are none
}

// figures keeps what the history says of all flows, for all users. The zero value is empty.
type figures struct {
	mu      sync.Mutex // guards the fields below
	known   known
	reading chan struct{} // closed when they have been read; nil: nobody reads them
}

// latest returns what is known, and whether more is being read.
func (p *Pages) latest(ctx context.Context, flows []int64) (k known, reading bool) {
	done := p.refresh(ctx, flows)
	if k = p.figures.get(p.config.Now()); k.at.IsZero() && done != nil {
		wait := time.NewTimer(figuresWait)
		defer wait.Stop()
		select {
		case <-done:
		case <-wait.C:
		case <-ctx.Done():
		}
		k = p.figures.get(p.config.Now())
	}
	select {
	case <-done: // of nil: never
		return k, false
	default:
		return k, done != nil && k.at.IsZero()
	}
}

// get returns what is known, unless it is too old.
func (f *figures) get(now time.Time) known {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.known.at) > maxFiguresAge {
		return known{}
	}
	return f.known
}

// refresh begins to read the figures if they are old. It returns what is closed when they have been read; nil: nobody reads them.
func (p *Pages) refresh(ctx context.Context, flows []int64) <-chan struct{} {
	f, now := &p.figures, p.config.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reading != nil || now.Sub(f.known.at) < figuresAge {
		return f.reading
	}
	done := make(chan struct{})
	f.reading = done
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), figuresTime) // others want them, too
		defer cancel()
		k, err := p.read(ctx, flows, now)
		f.mu.Lock()
		defer f.mu.Unlock()
		if err == nil {
			f.known = k
		}
		f.reading = nil
		close(done)
	}()
	return done
}

// read reads the figures of all flows.
func (p *Pages) read(ctx context.Context, flows []int64, now time.Time) (k known, err error) {
	k.at = now
	if k.last, err = p.config.History.LastRuns(ctx, flows); err != nil {
		return k, err
	}
	for _, over := range spans {
		k.runs, err = p.config.History.Flows(ctx, now.Add(-over), now)
		if err == nil {
			k.over = over
			return k, nil
		}
		if !errors.Is(err, history.ErrManyFlows) {
			return k, err
		}
	}
	return k, nil // the last runs without figures
}

const (
	// recentAge is how long one reading of the newest runs serves all users.
	recentAge = 2 * time.Second
	// recentRuns is the number of newest runs that are looked at, which Redis has.
	recentRuns = 1000
)

// recent keeps the last run of each flow among the newest ones. The zero value is empty.
type recent struct {
	mu   sync.Mutex // held while they are read; guards the fields below
	at   time.Time
	last map[int64]history.LastRun
}

// recentLast returns the last run of each flow among the newest runs, also those that have not ended.
func (p *Pages) recentLast(ctx context.Context) (map[int64]history.LastRun, error) {
	r, now := &p.recent, p.config.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.at.IsZero() && now.Sub(r.at) < recentAge {
		return r.last, nil
	}
	last := map[int64]history.LastRun{}
	_, _, err := p.config.Runs.List(ctx, queue.List{Most: recentRuns, Stored: true, Short: true}, func(r *queue.Record) {
		if _, has := last[r.Flow]; !has {
			last[r.Flow] = history.LastRun{ID: r.ID, State: r.State, AcceptedAt: r.AcceptedAt()}
		}
	})
	if err != nil {
		return nil, err
	}
	r.at, r.last = now, last
	return last, nil
}
