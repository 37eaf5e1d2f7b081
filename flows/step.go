package flows

import (
	"errors"
	"time"
)

// step is one compiled step of a flow.
type step struct {
	path            string // "find", "switch.else.http"
	name            string // empty: it has none
	kind            string
	slot            int  // index of its results among ancestors; -1: no program can name it
	aggregates      bool // runs once on the array of all items
	nestedEffects   bool // nested steps have effects
	internalOnly    bool // uses only Penstock's own state
	recordsOutcomes bool // outcomes of single items are recorded
	terminal        bool // puts out no items
	reaches         bool // it may have effects, whatever its attribute effect says
	throughEnv      bool // it has its effects through Env only: a rehearsal executes it

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
	redact        []string
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
	timeout  bool
	network  bool
	statuses Statuses

	condition *Expr // over what the step put out; nil: none
}

// matches reports whether to retry after the failure.
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
