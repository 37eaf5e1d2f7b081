package flows

import (
	"fmt"
	"time"
)

// Code names why a run ended without its output. Codes are part of the API.
type Code string

const (
	CodeStepFailed Code = "step_failed" // a step failed and nothing caught it
	CodeFail       Code = "fail"        // a fail step said so
	CodeExpression Code = "expression"  // a jq program failed or broke a bound
	CodeValidation Code = "validation"  // an item does not fit its schema
	CodeTimeout    Code = "timeout"     // the run's execution limit
	CodeCancelled  Code = "cancelled"   // somebody cancelled the run
	CodeLimit      Code = "limit"       // a bound of the engine: items, memory, nesting
	CodeBusy       Code = "busy"        // as many runs of the flow execute as may at once
	CodeUncertain  Code = "uncertain"   // a once effect started and left no result
	CodeCrashed    Code = "crashed"     // the third worker was lost on this run
	CodeInternal   Code = "internal"    // ours
)

// Reserved reports whether the engine itself uses the code, so that a fail
// step may not.
func Reserved(code Code) bool {
	switch code {
	case CodeStepFailed, CodeExpression, CodeValidation, CodeTimeout, CodeCancelled,
		CodeLimit, CodeBusy, CodeUncertain, CodeCrashed, CodeInternal:
		return true
	}
	return false
}

// Class is how a step failed, for retry.on. A failure that carries an
// upstream status needs none.
type Class string

const (
	ClassTimeout Class = "timeout" // the step's own timeout
	ClassNetwork Class = "network" // no answer: refused, reset, unknown host
)

// Error is why a step or run failed. Message is written for the caller and
// never holds a secret.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Step    string `json:"step,omitempty"`   // path of the step: "find", "switch.else.http"
	Status  int    `json:"status,omitempty"` // HTTP status that a fail or validate step chose; 0: none
	Item    *int   `json:"item,omitempty"`   // index of the item at that step
	Err     error  `json:"-"`

	// A runner sets these so that retry.on can tell failures apart.
	Class      Class         `json:"-"`
	Upstream   int           `json:"-"` // HTTP status that the other side answered; 0: none
	RetryAfter time.Duration `json:"-"` // how long the other side asked to wait; 0: it did not
}

func (e *Error) Error() string {
	if e.Step == "" {
		return e.Message
	}
	return fmt.Sprintf("step %s: %s", e.Step, e.Message)
}

func (e *Error) Unwrap() error { return e.Err }

// item is the error as an item, what on_error: continue puts out.
func (e *Error) item() map[string]any {
	told := map[string]any{"code": string(e.Code), "message": e.Message, "step": e.Step}
	if e.Upstream != 0 {
		told["status"] = e.Upstream
	} else if e.Status != 0 {
		told["status"] = e.Status
	}
	return map[string]any{"error": told}
}

// catchable reports whether on_error may handle e. What ends the run as a
// whole, and what nobody can know, is not for a flow to decide.
func (e *Error) catchable() bool {
	switch e.Code {
	case CodeTimeout, CodeCancelled, CodeLimit, CodeUncertain, CodeCrashed, CodeInternal:
		return false
	}
	return true
}
