package queue

import (
	"encoding/json"
	"time"

	"github.com/penstock/penstock/flows"
)

// State is where a run is in its life. The last four are terminal.
type State string

const (
	Queued    State = "queued"
	Running   State = "running"
	Waiting   State = "waiting" // parked: a delay or a wait_for holds no worker
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Cancelled State = "cancelled"
	TimedOut  State = "timed_out"
)

// States are all of them.
func States() []State {
	return []State{Queued, Running, Waiting, Succeeded, Failed, Cancelled, TimedOut}
}

// Terminal reports whether a run in this state has ended.
func (s State) Terminal() bool {
	return s == Succeeded || s == Failed || s == Cancelled || s == TimedOut
}

// Spec is what was accepted. It never changes once the run is stored.
type Spec struct {
	ID        string            `json:"id"` // UUIDv7; the door may leave it empty
	Flow      int64             `json:"flow"`
	Version   string            `json:"version"` // content hash: the run executes this one (I8)
	Queue     string            `json:"queue"`
	Principal string            `json:"principal,omitempty"` // "key:<key>", "user:<name>", "client:<id>"
	Event     json.RawMessage   `json:"event,omitempty"`     // absent for a call without a body
	Params    map[string]string `json:"params,omitempty"`    // query parameters that the flow declares
	Headers   map[string]string `json:"headers,omitempty"`   // headers that the flow declares, lower-case names
	Accepted  time.Time         `json:"accepted"`
	Limit     time.Duration     `json:"limit"`           // execution limit
	Sync      bool              `json:"sync,omitempty"`  // somebody waits: the limit counts from acceptance, else from the first start
	Trace     map[string]string `json:"trace,omitempty"` // W3C trace context
	ReplayOf  string            `json:"replay_of,omitempty"`
	Depth     int               `json:"depth,omitempty"` // of the chain of runs that started each other; 0: no run started it
}

// Result is how a run ended. Output is set when it succeeded, Error otherwise.
type Result struct {
	State  State           `json:"state"`
	Output json.RawMessage `json:"output,omitempty"` // the JSON array, byte for byte what the caller gets (I7)
	Error  *flows.Error    `json:"error,omitempty"`
	Times  Times           `json:"times"`
	gone   bool            // there is no result: the record is gone
	Early  *Answer         `json:"early,omitempty"` // what the flow itself answered; the run may go on: State says
}

// Times are the moments of a run. Zero: not reached.
type Times struct {
	Accepted  time.Time `json:"accepted"`
	Started   time.Time `json:"started,omitzero"` // of the last attempt
	Finished  time.Time `json:"finished,omitzero"`
	Delivered time.Time `json:"replied,omitzero"` // who waited had the result; in records only, and not in all of them
}
