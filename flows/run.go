// Package flows is the flow language: its types (flow, step, item, run), and the parsing, validation, compilation and
// execution of flows. It does not depend on HTTP, queues or Redis.
package flows

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/budget"
)

// Run is the input of one execution of a flow.
type Run struct {
	ID        string
	Origin    string // the first of the runs that this one continues, whose effects and files are its own; empty: none
	Attempt   int    // from 1
	Principal string // who called, "key:<key>"; empty for a schedule or poll
	Event     any    // decoded with exact numbers; nil for a call without a body
	Params    map[string]string
	Headers   map[string]string // those that the flow declares, with lower-case names
	Deadline  time.Time         // zero: the flow's own limit, from the start of the execution
	Failure   *Failure          // the run executes on_failure, and Event is that of the run that failed; nil: it executes the flow's steps
}

// origin returns the id under which other systems know the run's effects, and under which its files are stored.
func (r *Run) origin() string { return cmp.Or(r.Origin, r.ID) }

// Env is what an execution may reach outside of itself. The zero Env executes pure steps; all other steps fail.
type Env struct {
	Journal Journal // nil: nothing is recorded, every effect is executed
	Trace   Tracer  // optional
	// HTTP sends the requests of http steps and must not follow redirects. Use outbound.New, which blocks private
	// networks. nil: http steps fail.
	HTTP        http.RoundTripper
	Connections Connections // nil: steps that name a connection fail
	Secrets     Secrets     // nil: steps that name a secret fail
	Scripts     Scripts     // nil: scripts are evaluated in this process, where not every endless script can be stopped
	State       State       // nil: steps that store values between runs fail
	Pace        Pacer       // nil: limit steps fail
	Flows       Flows       // nil: steps that name another flow fail
	Emit        Emitter     // nil: steps that start runs fail
	Deliver     Deliverer   // nil: webhook steps fail
	Callbacks   Callbacks   // nil: wait_for steps fail
	Files       *blob.Store // nil: steps that read or create files fail
	// Respond answers the caller while the run goes on. Only the first answer of a run counts. nil: callers are not
	// answered early.
	Respond   func(ctx context.Context, a Response) error
	Parks     bool  // the caller of Execute resumes the run after a *Parked; false: waits block the execution
	MaxMemory int64 // bytes of items that a run may hold at once; 0: 64 MiB
	// Memory is charged for the values of the run. The caller of Execute opens and closes it. nil: an account of its
	// own, without a process limit.
	Memory *budget.Account
	Vars   map[string]any // override the flow's vars of the same name; other names are ignored
	// VarSubstitutions replaces vars whose value is one of its keys by the value of that key, unless that is empty.
	VarSubstitutions map[string]string
	// SubstitutesIn limits VarSubstitutions to the flows for which it returns true; nil: all flows.
	SubstitutesIn func(*Flow) bool
}

// Journal records the effects of a run, so that a later attempt does not repeat them. Keys are "<step path>.<item
// index>"; inside nested steps the index is a path of indices, "3.0". Safe for concurrent use.
type Journal interface {
	// Start records that the effect is about to be executed. It returns what the journal has of it: nothing, an
	// earlier start, or its result.
	Start(ctx context.Context, key string, effect Effect) (Recorded, error)
	// Finish records the result (JSON), before the next step may read it.
	Finish(ctx context.Context, key string, result []byte) error
}

// Recorded is the journal's entry of an effect.
type Recorded struct {
	Started bool   // an earlier attempt began the effect
	Result  []byte // nil: none recorded
}
