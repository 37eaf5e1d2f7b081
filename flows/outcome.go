package flows

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// maxRecorded is how many of a step's first items are told of one by one, and
// how many of the failed ones after those.
const maxRecorded = 50

// ItemOutcome is what became of one item at a step.
type ItemOutcome struct {
	Item     int       // its index
	At       time.Time // when the step began on it; when it failed, at a step that only computes
	Duration time.Duration
	Attempts int    // 0: its condition did not hold, or the journal had its result
	Replayed bool   // its effect came from the journal
	Waits    bool   // it parked the run
	Out      int    // items that it became
	Error    string // why it failed, even if on_error caught that; of a step that redacts, the code alone
}

// itemOutcomes gathers what a step tells of its items.
type itemOutcomes struct {
	items         []ItemOutcome
	laterFailures int // of them, after the first ones
}

// add keeps an item that is one of the first, or failed.
func (t *itemOutcomes) add(one ItemOutcome) {
	if one.Item >= maxRecorded {
		if one.Error == "" || t.laterFailures == maxRecorded {
			return
		}
		t.laterFailures++
	}
	t.items = append(t.items, one)
}

// newOutcome is where one worker of the step notes what happens to its item; nil
// when nobody watches, or the step only computes: then a clock that is read
// for every item would cost as much as the item.
func (p *stepRun) newOutcome() *ItemOutcome {
	if p.x.env.Trace == nil || !p.step.recordsOutcomes {
		return nil
	}
	return &ItemOutcome{}
}

// startItem begins the note of an item.
func (in *Input) startItem() {
	if in.outcome != nil {
		*in.outcome = ItemOutcome{Item: in.index, At: time.Now()}
	}
}

// countAttempt counts an attempt at an item.
func (p *stepRun) countAttempt(in *Input) {
	p.attempts.Add(1)
	if in.outcome != nil {
		in.outcome.Attempts++
	}
}

// countReplay counts an item whose result the journal had.
func (p *stepRun) countReplay(in *Input) {
	p.replayed.Add(1)
	if in.outcome != nil {
		in.outcome.Replayed = true
	}
}

// finishItem ends it: the item has become so many, or came to nothing.
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
		one.Error = "stopped before it ended" // by another item's failure, or with the run
	}
	p.recordOutcome(one)
}

// noteFailure notes why an item failed, before anything is done about it.
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

// sortedOutcomes is what was told, in the order of the items.
func (p *stepRun) sortedOutcomes() []ItemOutcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.outcomes == nil {
		return nil
	}
	slices.SortFunc(p.outcomes.items, func(a, b ItemOutcome) int { return cmp.Compare(a.Item, b.Item) })
	return p.outcomes.items
}

// reason is a failure as the record of a run may hold it. A message is a text
// without a name, so of a step that has something to redact it is left out.
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
