package flows

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Tracer receives the events of an execution while they happen. Its methods are called concurrently and must not
// block.
type Tracer interface {
	Begin(StepStart)
	End(StepEnd)
	Log(LogLine)
}

// Spanner is a Tracer that also sets the context of each step. Span is called instead of Begin; the returned function
// is called instead of End.
type Spanner interface {
	Tracer
	Span(ctx context.Context, b StepStart) (context.Context, func(StepEnd))
}

// ProgressTracer is a Tracer that also receives the progress of a step with several items, after each item but the
// last.
type ProgressTracer interface {
	Tracer
	Progress(Progress)
}

// Progress is the progress of a step.
type Progress struct {
	Step     string
	Kind     string
	Done, In int // items
}

// StepStart reports the start of a step on its items. A nested step starts once for every item that is routed to it.
type StepStart struct {
	Step string // path: "find", "switch.else.http"
	Kind string
	In   int // items
	At   time.Time

	Within string        // as of StepEnd
	Done   *atomic.Int32 // items processed so far, of several; it goes on counting while the step runs

	// Items returns up to most of the first input items as they may be recorded: redacted fields are masked.
	Items func(most int) []any
}

// StepEnd reports the end of a step, successful or not.
type StepEnd struct {
	Step     string
	Kind     string
	In, Out  int // items
	At       time.Time
	Duration time.Duration
	Attempts int   // tries of all items together
	Replayed int   // items whose effect came from the journal
	Err      error // nil: success; a *Parked: the step waits

	// Within holds the indices of the items that led into nested steps, "3.0."; empty for a step of the flow itself.
	Within string

	Items func(most int) []any // as of StepStart, for the output items

	// Outcomes are those of single items, in the order of the items. A step with effects or with Kind.CPUBound
	// reports the first 50, and the first 50 failed ones after them; any other step reports failed items only.
	Outcomes []ItemOutcome
}

// LogLine is the output of a log step.
type LogLine struct {
	Step    string
	Item    int
	At      time.Time
	Level   string // debug, info, warn, error
	Message string
	Fields  map[string]any // nil: none
}

// maxRecorded is the number of first items of a step whose outcome is recorded, and of failed items after those.
const maxRecorded = 50

// ItemOutcome is the outcome of one item at a step.
type ItemOutcome struct {
	Item     int       // index
	At       time.Time // start of the step for this item; time of the failure, at a step that computes only
	Duration time.Duration
	Attempts int    // 0: the condition was false, or the journal had the result
	Replayed bool   // the effect's result came from the journal
	Waits    bool   // it parked the run
	Out      int    // number of output items
	Error    string // reason for the failure, even if on_error handled it; only the code, at a step with redact
}

// itemOutcomes collects the recorded outcomes of a step.
type itemOutcomes struct {
	items         []ItemOutcome
	laterFailures int // recorded failures after the first items
}

// add records the outcome of one of the first items, or of a failed one.
func (t *itemOutcomes) add(one ItemOutcome) {
	if one.Item >= maxRecorded {
		if one.Error == "" || t.laterFailures == maxRecorded {
			return
		}
		t.laterFailures++
	}
	t.items = append(t.items, one)
}

// newOutcome returns the scratch record of one worker; nil when tracing is off or the step computes only. Reading the
// clock for every item would then cost as much as the item.
func (p *stepRun) newOutcome() *ItemOutcome {
	if p.x.env.Trace == nil || !p.step.recordsOutcomes {
		return nil
	}
	return &ItemOutcome{}
}

// startItem resets the scratch record for the next item.
func (in *Input) startItem() {
	in.uuids.Store(0)
	if in.outcome != nil {
		*in.outcome = ItemOutcome{Item: in.index, At: time.Now()}
	}
}

// countAttempt counts a try of the item.
func (p *stepRun) countAttempt(in *Input) {
	p.attempts.Add(1)
	if in.outcome != nil {
		in.outcome.Attempts++
	}
}

// countReplay counts an item whose result came from the journal.
func (p *stepRun) countReplay(in *Input) {
	p.replayed.Add(1)
	if in.outcome != nil {
		in.outcome.Replayed = true
	}
}

// finishItem records the outcome of the item: the number of output items, or the error.
func (p *stepRun) finishItem(in *Input, err error, became int) {
	if in.outcome == nil {
		return
	}
	one := *in.outcome
	one.Duration = time.Since(one.At)
	switch {
	case err == nil:
		one.Out = became
	case asParked(err) != nil:
		one.Waits = true
	case one.Error == "":
		one.Error = "stopped before it ended" // by the failure of another item, or by the end of the run
	}
	p.recordOutcome(one)
}

// noteFailure records the reason of an item's failure, before on_error is applied.
func (p *stepRun) noteFailure(in *Input, err error) {
	switch {
	case in.outcome != nil:
		in.outcome.Error = p.step.reason(err)
	case p.x.env.Trace != nil:
		p.recordOutcome(ItemOutcome{Item: in.index, At: time.Now(), Error: p.step.reason(err)})
	}
}

func (p *stepRun) recordOutcome(one ItemOutcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.outcomes == nil {
		p.outcomes = &itemOutcomes{}
	}
	p.outcomes.add(one)
}

// sortedOutcomes returns the recorded outcomes in the order of the items.
func (p *stepRun) sortedOutcomes() []ItemOutcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.outcomes == nil {
		return nil
	}
	slices.SortFunc(p.outcomes.items, func(a, b ItemOutcome) int { return cmp.Compare(a.Item, b.Item) })
	return p.outcomes.items
}

// reason returns a failure as the run's record may contain it. At a step with redact the message is left out, because
// a text has no field name to redact by.
func (s *step) reason(err error) string {
	var known *Error
	if !errors.As(err, &known) {
		known = &Error{Code: CodeStepFailed, Message: err.Error()}
	}
	switch {
	case len(s.redact) > 0 && known.Upstream != 0:
		return fmt.Sprintf("%s (status %d)", known.Code, known.Upstream)
	case len(s.redact) > 0:
		return string(known.Code)
	case known.Step == s.path:
		return known.Message
	}
	return known.Error()
}
