package workbench

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/penstock/penstock/console/steprecord"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/queue"
)

// maxOutcomes is the maximum number of ended runs whose outcome is remembered.
const maxOutcomes = 4096

// outcomes remembers what became of runs that have ended, so that a page that is shown again reads each once. Safe for concurrent
// use; the zero value is empty.
type outcomes struct {
	mu    sync.Mutex
	ended map[string]view.Outcome // guarded by mu; by run
}

// find returns the remembered outcomes of runs.
func (o *outcomes) find(runs map[string]bool) map[string]view.Outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	found := map[string]view.Outcome{}
	for run := range runs {
		if known, ok := o.ended[run]; ok {
			found[run] = known
		}
	}
	return found
}

func (o *outcomes) add(run string, known view.Outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended == nil || len(o.ended) >= maxOutcomes {
		o.ended = map[string]view.Outcome{}
	}
	o.ended[run] = known
}

// maxRead is the maximum number of runs that one page reads as a whole to see what their filters did.
const maxRead = 100

// look looks up what became of runs for one page.
type look struct {
	*Workbench
	filters bool // the flow has filters
	left    int  // number of further runs that may be read as a whole
}

// lookAt returns a look at the runs of a flow.
func (b *Workbench) lookAt(flow int64) *look {
	l := &look{Workbench: b, left: maxRead}
	if f, ok := b.config.Store.Flows().Find(strconv.FormatInt(flow, 10)); ok {
		l.filters = bytes.Contains(f.Source, []byte("filter"))
	}
	return l
}

// outcomesOf returns what became of runs. Those that are not stored any more are missing. Of a flow with filters each run that
// succeeded is read once as a whole, because only its record says what a filter did.
func (l *look) outcomesOf(ctx context.Context, runs map[string]bool) (map[string]view.Outcome, error) {
	found := l.outcomes.find(runs)
	var unknown []string
	for run := range runs {
		if _, known := found[run]; !known {
			unknown = append(unknown, run)
		}
	}
	brief, err := l.config.Queue.Brief(ctx, unknown)
	if err != nil {
		return nil, err
	}
	for i := range brief {
		r := &brief[i]
		outcome, known := view.Outcome{State: string(r.State)}, r.State.Terminal()
		if r.State == queue.Succeeded && l.filters {
			if l.left--; l.left < 0 {
				known = false // a later look reads it
			} else if outcome.Dropped, err = l.droppedBy(ctx, r.ID); err != nil {
				return nil, err
			}
		}
		if found[r.ID] = outcome; known {
			l.outcomes.add(r.ID, outcome)
		}
	}
	return found, nil
}

// droppedBy returns the path of the filter that let nothing of a run through; empty: none did, or it is not recorded.
func (b *Workbench) droppedBy(ctx context.Context, run string) (string, error) {
	record, err := b.config.Queue.Record(ctx, run)
	if errors.Is(err, queue.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if text := string(record.Output); text != "[]" && text != "" {
		return "", nil
	}
	steps := steprecord.Decode(&record)
	return steps.DroppedBy(), nil
}
