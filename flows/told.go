package flows

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// mostTold is how many of a step's first items are told of one by one, and
// how many of the failed ones after those.
const mostTold = 50

// Passed is what became of one item at a step.
type Passed struct {
	Item     int       // its index
	At       time.Time // when the step began on it; when it failed, at a step that only computes
	Duration time.Duration
	Attempts int    // 0: its condition did not hold, or the journal had its result
	Replayed bool   // its effect came from the journal
	Waits    bool   // it parked the run
	Out      int    // items that it became
	Error    string // why it failed, even if on_error caught that; of a step that redacts, the code alone
}

// told gathers what a step tells of its items.
type told struct {
	items  []Passed
	beyond int // of them, after the first ones
}

// add keeps an item that is one of the first, or failed.
func (t *told) add(one Passed) {
	if one.Item >= mostTold {
		if one.Error == "" || t.beyond == mostTold {
			return
		}
		t.beyond++
	}
	t.items = append(t.items, one)
}

// mark is where one worker of the step notes what happens to its item; nil
// when nobody watches, or the step only computes: then a clock that is read
// for every item would cost as much as the item.
func (p *passage) mark() *Passed {
	if p.x.env.Trace == nil || !p.step.timed {
		return nil
	}
	return &Passed{}
}

// arrive begins the note of an item.
func (in *Input) arrive() {
	if in.mark != nil {
		*in.mark = Passed{Item: in.index, At: time.Now()}
	}
}

// tries counts an attempt at an item.
func (p *passage) tries(in *Input) {
	p.attempts.Add(1)
	if in.mark != nil {
		in.mark.Attempts++
	}
}

// replays counts an item whose result the journal had.
func (p *passage) replays(in *Input) {
	p.replayed.Add(1)
	if in.mark != nil {
		in.mark.Replayed = true
	}
}

// leave ends it: the item has become so many, or came to nothing.
func (p *passage) leave(in *Input, err error, became int) {
	if in.mark == nil {
		return
	}
	one := *in.mark
	one.Duration = time.Since(one.At)
	switch {
	case err == nil:
		one.Out = became
	case asParked(err) != nil:
		one.Waits = true
	case one.Error == "":
		one.Error = "stopped before it ended" // by another item's failure, or with the run
	}
	p.tell(one)
}

// failed notes why an item failed, before anything is done about it.
func (p *passage) failed(in *Input, err error) {
	switch {
	case in.mark != nil:
		in.mark.Error = p.step.reason(err)
	case p.x.env.Trace != nil:
		p.tell(Passed{Item: in.index, At: time.Now(), Error: p.step.reason(err)})
	}
}

func (p *passage) tell(one Passed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.told == nil {
		p.told = &told{}
	}
	p.told.add(one)
}

// each is what was told, in the order of the items.
func (p *passage) each() []Passed {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.told == nil {
		return nil
	}
	slices.SortFunc(p.told.items, func(a, b Passed) int { return cmp.Compare(a.Item, b.Item) })
	return p.told.items
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
