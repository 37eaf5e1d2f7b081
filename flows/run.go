// Package flows is the flow language: what a flow, a step, an item and a run
// are, and how a flow is parsed, validated, compiled and executed. It knows
// nothing of HTTP doors, queues or Redis.
package flows

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Run is what was accepted: the input of one execution of a flow.
type Run struct {
	ID        string
	Attempt   int    // 1 at first
	Principal string // who asked, "key:<key>"; empty for a trigger of ours
	Event     any    // decoded with exact numbers; nil for a call without a body
	Params    map[string]string
	Headers   map[string]string // those that the flow declares, lower-case names
	Deadline  time.Time
}

// Env is what an execution may reach outside itself. The zero Env executes
// pure steps and refuses the rest.
type Env struct {
	Journal Journal // nil: nothing is recorded, every effect executes
	Trace   Tracer  // nil: nobody watches
	// HTTP sends the requests of http steps, without following redirects:
	// outbound.New, guarded against private networks. nil: http steps fail.
	HTTP        http.RoundTripper
	Connections Connections // nil: steps that name a connection fail
}

// Journal records the effects of a run so that a resumed run does not execute
// them again. Keys are "<step path>.<item index>". Safe for concurrent use.
type Journal interface {
	// Start records that the effect is about to execute, and returns what is
	// known of it: nothing, that it had started before, or its result.
	Start(ctx context.Context, key string, effect Effect) (Recorded, error)
	// Finish records the result (JSON) before the next step may see it.
	Finish(ctx context.Context, key string, result []byte) error
}

// Recorded is what a journal knows of an effect.
type Recorded struct {
	Started bool   // an earlier attempt began it
	Result  []byte // its result; nil: none was recorded
}

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
	CodeUncertain  Code = "uncertain"   // a once effect started and left no result
	CodeCrashed    Code = "crashed"     // the third worker was lost on this run
	CodeInternal   Code = "internal"    // ours
)

// Error is why a step or run failed. Message is written for the caller and
// never holds a secret.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Step    string `json:"step,omitempty"`   // path of the step: "find", "steps[3].else[0]"
	Status  int    `json:"status,omitempty"` // HTTP status that a fail or validate step chose; 0: none
	Item    *int   `json:"item,omitempty"`   // index of the item at that step
	Err     error  `json:"-"`
}

func (e *Error) Error() string {
	if e.Step == "" {
		return e.Message
	}
	return fmt.Sprintf("step %s: %s", e.Step, e.Message)
}

func (e *Error) Unwrap() error { return e.Err }
