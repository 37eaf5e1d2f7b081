package flows

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// Code says why a run ended without output. Codes are part of the API.
type Code string

const (
	CodeStepFailed Code = "step_failed" // a step failed and no on_error handled it
	CodeFail       Code = "fail"        // a fail step
	CodeExpression Code = "expression"  // a jq program failed or exceeded a limit
	CodeValidation Code = "validation"  // an item does not fit its schema
	CodeTimeout    Code = "timeout"     // the run's execution limit
	CodeCancelled  Code = "cancelled"   // the run was cancelled
	CodeCallerLeft Code = "caller_left" // the caller of the run left, see run.cancel_with_caller
	CodeReplaced   Code = "replaced"    // a run with a later event took its place, see run.debounce
	CodeLimit      Code = "limit"       // a limit of the engine: items, memory, nesting
	CodeBusy       Code = "busy"        // the concurrency limit of the flow rejected the run
	CodeUncertain  Code = "uncertain"   // a once effect was begun and left no result
	CodeCrashed    Code = "crashed"     // the third worker that executed the run was lost
	CodeInternal   Code = "internal"    // a fault of the engine
)

// Codes lists the codes.
func Codes() []Code {
	return []Code{
		CodeStepFailed, CodeFail, CodeExpression, CodeValidation, CodeTimeout, CodeCancelled, CodeCallerLeft, CodeReplaced,
		CodeLimit, CodeBusy, CodeUncertain, CodeCrashed, CodeInternal,
	}
}

// Reserved reports whether the code belongs to the engine; a fail step must not use it.
func Reserved(code Code) bool {
	return code != CodeFail && slices.Contains(Codes(), code)
}

// Class classifies the failure of a step for retry.on. A failure with an upstream status needs none.
type Class string

const (
	ClassTimeout  Class = "timeout"  // the step's own timeout
	ClassNetwork  Class = "network"  // no response: refused, reset, unknown host
	ClassDeadlock Class = "deadlock" // a database rolled back because of concurrent transactions
)

// Error is the failure of a step or run. Message never contains a secret. With CodeStepFailed and no Status it may name
// hosts and settings: callers get it only where the flow's trigger says `errors: detailed`.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Step    string `json:"step,omitempty"`   // path of the step: "find", "switch.else.http"
	Status  int    `json:"status,omitempty"` // HTTP status chosen by a fail or validate step; 0: none
	Item    *int   `json:"item,omitempty"`   // index of the item at that step
	// SQLState is the SQLSTATE of a database's error, such as 23505. Empty: none.
	SQLState string `json:"sqlstate,omitempty"`
	Err      error  `json:"-"`

	// A runner sets Excerpt to the beginning of what the other side answered. It becomes part of Message, except at a step
	// with redact, because a text has no field name to redact by.
	Excerpt string `json:"-"`

	// A runner sets these for retry.on. Class and Upstream also choose the status for the run's caller.
	Class      Class         `json:"class,omitempty"`
	Upstream   int           `json:"upstream,omitempty"` // HTTP status of the other side's response; 0: none
	RetryAfter time.Duration `json:"-"`                  // pause that the other side asked for; 0: none
}

func (e *Error) Error() string {
	if e.Step == "" {
		return e.Message
	}
	return fmt.Sprintf("step %s: %s", e.Step, e.Message)
}

func (e *Error) Unwrap() error { return e.Err }

// Failed returns the failure of a step for which no other try helps, because it has no class.
func Failed(format string, args ...any) *Error {
	return &Error{Code: CodeStepFailed, Message: fmt.Sprintf(format, args...)}
}

// ambiguous reports whether the other side may have done what was asked of it: it was reached, and did not answer.
func (e *Error) ambiguous() bool {
	var dial *net.OpError
	var name *net.DNSError
	switch {
	case e.Upstream != 0 || e.Class == "" || e.Class == ClassDeadlock:
		return false
	case e.Class == ClassTimeout:
		return true
	}
	return !(errors.As(e.Err, &name) || errors.As(e.Err, &dial) && dial.Op == "dial")
}

// item is the error as an item, the output of on_error: continue.
func (e *Error) item() map[string]any {
	told := map[string]any{"code": string(e.Code), "message": e.Message, "step": e.Step}
	if e.Upstream != 0 {
		told["status"] = e.Upstream
	} else if e.Status != 0 {
		told["status"] = e.Status
	}
	if e.SQLState != "" {
		told["sqlstate"] = e.SQLState
	}
	return map[string]any{"error": told}
}

// EndsRun reports whether the run ends with the error, whatever on_error says.
func (e *Error) EndsRun() bool { return !e.catchable() }

// catchable reports whether on_error may handle e. A flow must not handle the end of the run as a whole, or an effect
// of unknown outcome.
func (e *Error) catchable() bool {
	switch e.Code {
	case CodeTimeout, CodeCancelled, CodeLimit, CodeUncertain, CodeCrashed, CodeInternal:
		return false
	}
	return true
}
