package flows

import (
	"errors"
	"time"
)

// step is one compiled position of a flow.
type step struct {
	path            string // "find", "switch.else.http"
	name            string // empty: it has none
	kind            string
	slot            int  // of its results among ancestors; -1: no program can name it
	aggregates      bool // runs once on the array of all items
	nestedEffects   bool // steps inside it reach the world
	internalOnly    bool // reaches nothing but Penstock itself
	recordsOutcomes bool // what becomes of each item is told
	terminal        bool // no item comes out of it

	runner        Runner
	nestedRunner  NestedRunner // nil: the runner does the work itself
	effect        Effect
	cond          *Expr // nil: for every item
	timeout       time.Duration
	retry         retry
	onError       onError
	handler       *Block // of handleItem
	workers       int    // items at once
	rerun         bool   // an uncertain effect executes again
	afterResponse bool   // after_response
	redact        []string
	recorded      bool // some program names it: its results are remembered as ancestors
}

// onError is what becomes of an item on which the step failed.
type onError uint8

const (
	failRun onError = iota
	skipItem
	becomeItem
	handleItem
)

// retry is when and how often a step tries again.
type retry struct {
	attempts int
	backoff  time.Duration
	factor   int
	jitter   bool
	timeout  bool
	network  bool
	statuses Statuses
}

// matches reports whether the failure is one to try again on.
func (r *retry) matches(e *Error) bool {
	switch {
	case e.Code == CodeExpression || !e.catchable():
		return false
	case e.Upstream != 0:
		return r.statuses.Has(e.Upstream)
	case e.Class == ClassTimeout:
		return r.timeout
	}
	return e.Class == ClassNetwork && r.network
}

// fail makes an Error of what a runner returned, at this step and item. An
// error from nested steps keeps the place it has.
func (s *step) fail(err error, item int) *Error {
	var known *Error
	if !errors.As(err, &known) {
		return &Error{Code: CodeStepFailed, Message: err.Error(), Step: s.path, Item: &item, Err: err}
	}
	if known.Step != "" {
		return known
	}
	placed := *known
	placed.Step, placed.Item = s.path, &item
	if placed.Code == "" {
		placed.Code = CodeStepFailed
	}
	return &placed
}
