package flows

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// stepRun is one step on its way through a list of items.
type stepRun struct {
	x     *execution
	step  *step
	at    string    // indices of the items that led into the enclosing blocks
	entry *ancestor // what the enclosing block was entered with

	items []item // that the step was given

	attempts atomic.Int32
	replayed atomic.Int32
	done     atomic.Int32 // items
	made     atomic.Int64 // items put out so far
	size     atomic.Int64 // bytes that the run holds for them

	mu       sync.Mutex
	began    time.Time     // guarded by mu; see Input.Began
	outcomes *itemOutcomes // guarded by mu; nil: nothing yet
}

// path of the step, through the flows that called this one.
func (p *stepRun) path() string { return p.x.trail + p.step.path }

// journalKey begins the keys of the step in the journal.
func (p *stepRun) journalKey() string { return p.x.prefix + p.step.path + "." + p.at }

// run puts all items through the step and tells the tracer.
func (p *stepRun) run(ctx context.Context, items []item) ([]item, error) {
	trace := p.x.env.Trace
	if trace == nil {
		return p.runItems(ctx, items)
	}
	begun, end := time.Now(), trace.End
	b := Begun{Step: p.path(), Kind: p.step.kind, In: len(items), At: begun, Items: p.step.recordable(items)}
	if spanner, ok := trace.(Spanner); ok {
		ctx, end = spanner.Span(ctx, b)
	} else {
		trace.Begin(b)
	}
	out, err := p.runItems(ctx, items)
	now := time.Now()
	end(Ended{
		Step: p.path(), Kind: p.step.kind, In: len(items), Out: len(out), At: now, Duration: now.Sub(begun),
		Attempts: int(p.attempts.Load()), Replayed: int(p.replayed.Load()), Err: err, Within: p.at, Items: p.step.recordable(out), Outcomes: p.sortedOutcomes(),
	})
	return out, err
}

// runItems puts each item through the step. One that must wait does not keep
// the others from being worked on: the run is parked when all have been seen.
func (p *stepRun) runItems(ctx context.Context, items []item) ([]item, error) {
	if p.step.aggregates {
		items = p.aggregate(items)
	}
	p.items = items
	if workers := min(p.step.workers, len(items)); workers > 1 && p.x.mocks == nil {
		return p.runConcurrently(ctx, items, workers)
	}
	out := make([]item, 0, len(items))
	var waits *Parked
	var made atomic.Int64
	in := Input{p: p, outcome: p.newOutcome(), made: &made}
	for i, it := range items {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in.item, in.index = it, i
		next, err := p.processItem(ctx, &in, out)
		p.reportProgress()
		switch parked := asParked(err); {
		case err == nil:
			out = next
		case parked != nil:
			waits = earlier(waits, parked)
		default:
			return nil, err
		}
	}
	if waits != nil {
		return nil, waits
	}
	return out, nil
}

// reportProgress tells that one more item is done.
func (p *stepRun) reportProgress() {
	if len(p.items) < 2 {
		return
	}
	if t, ok := p.x.env.Trace.(ProgressTracer); ok {
		if done := int(p.done.Add(1)); done < len(p.items) {
			t.Progress(Progress{Step: p.path(), Kind: p.step.kind, Done: done, In: len(p.items)})
		}
	}
}

// aggregate makes one item of all: the array of their values.
func (p *stepRun) aggregate(items []item) []item {
	all := make([]any, len(items))
	for i, it := range items {
		all[i] = it.value
	}
	return []item{{value: all, lineage: p.entry}}
}

// runConcurrently works on several items at once. Results keep the order of the
// items; of several failures the one of the first item counts.
func (p *stepRun) runConcurrently(ctx context.Context, items []item, workers int) ([]item, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make([][]item, len(items))
	var next atomic.Int64
	var first firstFailure
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			var made atomic.Int64
			in := Input{p: p, outcome: p.newOutcome(), made: &made}
			for {
				i := int(next.Add(1) - 1)
				if i >= len(items) || ctx.Err() != nil {
					return
				}
				in.item, in.index = items[i], i
				var err error
				results[i], err = p.processItem(ctx, &in, nil)
				p.reportProgress()
				if err != nil && !first.notePark(err) {
					first.noteError(i, err, ctx.Err() != nil)
					cancel()
				}
			}
		})
	}
	group.Wait()
	if first.err != nil {
		return nil, first.err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if first.waits != nil {
		return nil, first.waits
	}
	out := make([]item, 0, len(items))
	for _, r := range results {
		out = append(out, r...)
	}
	return out, nil
}

// firstFailure keeps the error of the first item that failed by itself; what fails
// because others were cancelled counts only when nothing else is known.
type firstFailure struct {
	mu    sync.Mutex // guards the rest
	err   error
	index int
	late  bool
	waits *Parked // the first to wake
}

// notePark reports whether the item only waits.
func (f *firstFailure) notePark(err error) bool {
	parked := asParked(err)
	if parked == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waits = earlier(f.waits, parked)
	return true
}

func (f *firstFailure) noteError(index int, err error, late bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil || f.late && !late || f.late == late && index < f.index {
		f.err, f.index, f.late = err, index, late
	}
}
