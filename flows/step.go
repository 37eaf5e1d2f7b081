package flows

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/internal/mask"
)

// step is one compiled step of a flow.
type step struct {
	path            string // "find", "switch.else.http"
	name            string // empty: it has none
	as              string // member for the results; empty: they replace the item
	kind            string
	uses            *operation // of a connector; nil: none
	slot            int        // index of its results among ancestors; -1: no program can name it
	aggregates      bool       // runs once on the array of all items
	nestedEffects   bool       // nested steps have effects
	internalOnly    bool       // uses only Penstock's own state
	recordsOutcomes bool       // outcomes of single items are recorded
	terminal        bool       // puts out no items
	inParts         bool       // its effects are those of parts, see Input.Part
	reaches         bool       // it may have effects, whatever its attribute effect says
	throughEnv      bool       // it has its effects through Env only: a rehearsal executes it

	runner        Runner
	nestedRunner  NestedRunner // nil: the step has no nested steps
	effect        Effect
	cond          *Expr // nil: applies to every item
	timeout       time.Duration
	retry         retry
	onError       onError
	handler       *Block // for handleItem
	workers       int    // items at once
	rerun         bool   // an uncertain effect is repeated
	afterResponse bool   // after_response
	redact        mask.Fields
	recorded      bool // some program names it: its results are kept as ancestors
}

// onError is the handling of an item on which the step failed.
type onError uint8

const (
	failRun onError = iota
	skipItem
	becomeItem
	handleItem
)

// retry is the retry attribute of a step.
type retry struct {
	attempts int
	backoff  time.Duration
	factor   int
	jitter   bool
	max      time.Duration // longest pause
	classes  []Class
	statuses Statuses

	condition *Expr // over what the step put out; nil: none
	// ofOperation: the condition is that of the operation that the step uses. It sees what the operation put out, and not the item that
	// `as` makes of it.
	ofOperation bool
}

// matches reports whether to retry after the failure.
func (r *retry) matches(e *Error) bool {
	switch {
	case e.Code == CodeExpression || !e.catchable():
		return false
	case e.Upstream != 0:
		return r.statuses.Has(e.Upstream)
	}
	return slices.Contains(r.classes, e.Class)
}

// fail converts an error of a runner to an *Error with this step and item. An error from nested steps keeps its own
// step.
func (s *step) fail(err error, item int) *Error {
	var known *Error
	if !errors.As(err, &known) {
		return &Error{Code: CodeStepFailed, Message: err.Error(), Step: s.path, Item: &item, Err: err}
	}
	if known.Step != "" {
		return known
	}
	placed := *known
	placed.Step, placed.Item, placed.Excerpt = s.path, &item, ""
	if known.Excerpt != "" && len(s.redact) == 0 {
		placed.Message += ": " + known.Excerpt
	}
	if placed.Code == "" {
		placed.Code = CodeStepFailed
	}
	return &placed
}

// stepRun executes one step over a list of items.
type stepRun struct {
	x     *execution
	step  *step
	at    string    // indices of the items that led into the enclosing blocks
	entry *ancestor // lineage of the item that entered the enclosing block

	items []item // input of the step

	attempts atomic.Int32
	replayed atomic.Int32
	done     atomic.Int32 // processed items
	made     atomic.Int64 // output items so far
	size     atomic.Int64 // bytes reserved for the output items

	mu       sync.Mutex
	began    time.Time     // guarded by mu; see Input.Began
	outcomes *itemOutcomes // guarded by mu; nil: none yet
}

// path returns the path of the step, prefixed with those of the calling flows.
func (p *stepRun) path() string { return p.x.trail + p.step.path }

// journalKey returns the prefix of the step's journal keys.
func (p *stepRun) journalKey() string { return p.x.prefix + p.step.path + "." + p.at }

// run executes the step for all items and reports to the tracer.
func (p *stepRun) run(ctx context.Context, items []item) ([]item, error) {
	trace := p.x.env.Trace
	if trace == nil {
		return p.runItems(ctx, items)
	}
	begun, end := time.Now(), trace.End
	b := StepStart{Step: p.path(), Kind: p.step.kind, In: len(items), At: begun, Within: p.at, Done: &p.done, Items: p.step.recordable(items)}
	if spanner, ok := trace.(Spanner); ok {
		ctx, end = spanner.Span(ctx, b)
	} else {
		trace.Begin(b)
	}
	out, err := p.runItems(ctx, items)
	now := time.Now()
	end(StepEnd{
		Step: p.path(), Kind: p.step.kind, In: len(items), Out: len(out), At: now, Duration: now.Sub(begun),
		Attempts: int(p.attempts.Load()), Replayed: int(p.replayed.Load()), Err: err, Within: p.at, Items: p.step.recordable(out), Outcomes: p.sortedOutcomes(),
	})
	return out, err
}

// runItems executes the step for each item. An item that must wait does not delay the others: the run parks when all
// have been tried.
func (p *stepRun) runItems(ctx context.Context, items []item) ([]item, error) {
	if p.step.aggregates {
		items = p.aggregate(items)
	}
	p.items = items
	if workers := min(p.step.workers, len(items)); workers > 1 && !p.x.simulated() {
		return p.runConcurrently(ctx, items, workers)
	}
	out := make([]item, 0, len(items))
	var waits *Parked
	var made atomic.Int64
	in := Input{p: p, outcome: p.newOutcome(), made: &made, uuids: new(atomic.Int64)}
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

// reportProgress reports one more processed item to the tracer.
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

// aggregate replaces the items by one: the array of their values.
func (p *stepRun) aggregate(items []item) []item {
	all := make([]any, len(items))
	for i, it := range items {
		all[i] = it.value
	}
	return []item{{value: all, lineage: p.entry}}
}

// runConcurrently processes several items at once. Results keep the order of the items. Of several failures, that of
// the item with the lowest index is returned.
func (p *stepRun) runConcurrently(ctx context.Context, items []item, workers int) ([]item, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make([][]item, len(items))
	var next atomic.Int64
	var first firstFailure
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			var made atomic.Int64
			in := Input{p: p, outcome: p.newOutcome(), made: &made, uuids: new(atomic.Int64)}
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
					cancel(errOtherItemFailed)
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

// firstFailure keeps the error of the first item that failed by itself. An error after the cancellation of the others
// counts only when there is no other.
type firstFailure struct {
	mu    sync.Mutex // guards the rest
	err   error
	index int
	late  bool
	waits *Parked // the earliest to wake
}

// notePark reports whether err parks the run, and records it.
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

// Redacts reports whether a step of the flow has redact.
func (f *Flow) Redacts() bool { return len(f.redacts) > 0 }

// recordable returns a function that gives the first items as they may be recorded.
func (s *step) recordable(items []item) func(most int) []any {
	return func(most int) []any {
		values := make([]any, min(most, len(items)))
		for i := range values {
			if values[i] = items[i].value; len(s.redact) > 0 {
				values[i] = s.redact.Unnamed(values[i])
			}
		}
		return values
	}
}

// maskFields returns the fields with redacted ones masked, at any depth.
func (s *step) maskFields(fields map[string]any) map[string]any {
	if len(s.redact) == 0 || fields == nil {
		return fields
	}
	return s.redact.Value(fields).(map[string]any)
}
