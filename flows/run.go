// Package flows is the flow language: what a flow, a step, an item and a run
// are, and how a flow is parsed, validated, compiled and executed. It knows
// nothing of HTTP doors, queues or Redis.
package flows

import (
	"context"
	"net/http"
	"time"

	"github.com/penstock/penstock/internal/budget"
)

// Run is what was accepted: the input of one execution of a flow.
type Run struct {
	ID        string
	Attempt   int    // 1 at first
	Principal string // who asked, "key:<key>"; empty for a trigger of ours
	Event     any    // decoded with exact numbers; nil for a call without a body
	Params    map[string]string
	Headers   map[string]string // those that the flow declares, lower-case names
	Deadline  time.Time         // zero: the flow's own limit, from the start of the execution
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
	Secrets     Secrets     // nil: steps that name a secret fail
	Scripts     Scripts     // nil: scripts are evaluated in this process, where some bombs cannot be stopped
	State       State       // nil: steps that keep something between runs fail
	Pace        Pacer       // nil: limit steps fail
	Flows       Flows       // nil: steps that name another flow fail
	Emit        Emitter     // nil: steps that start runs fail
	Callbacks   Callbacks   // nil: wait_for steps fail
	// Respond answers the caller of the run while it goes on. The first answer
	// of a run stands, another one changes nothing. nil: nobody is answered early.
	Respond   func(ctx context.Context, a Answer) error
	Parks     bool  // whoever executes takes up a *Parked run again; else a wait holds the execution
	MaxMemory int64 // bytes of items that a run may hold at once; 0: 64 MiB
	// Memory is charged what the run makes; nil: an account of its own, with
	// no process behind it. Whoever opened it closes it after Execute.
	Memory *budget.Account
	Vars   map[string]any // override the flow's vars of the same name; others are ignored
	// VarSubstitutions holds texts and what stands in their place wherever a flow's var
	// is one of them; empty leaves it.
	VarSubstitutions map[string]string
	// SubstitutesIn limits Instead to the flows for which it is true; nil: all.
	SubstitutesIn func(*Flow) bool
}

// Journal records the effects of a run so that a resumed run does not execute
// them again. Keys are "<step path>.<item index>"; inside nested steps the
// index is the path of indices, "3.0". Safe for concurrent use.
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
