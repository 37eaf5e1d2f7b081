package queue

import (
	"encoding/json"
	"time"

	"github.com/penstock/penstock/flows"
)

// State is the state of a run. The last four are terminal.
type State string

const (
	Queued    State = "queued"
	Running   State = "running"
	Waiting   State = "waiting" // parked: no worker executes it
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Cancelled State = "cancelled"
	TimedOut  State = "timed_out"
)

// States lists all states.
func States() []State {
	return []State{Queued, Running, Waiting, Succeeded, Failed, Cancelled, TimedOut}
}

// Terminal reports whether a run in this state has ended.
func (s State) Terminal() bool {
	return s == Succeeded || s == Failed || s == Cancelled || s == TimedOut
}

// Spec is what was accepted. It does not change once the run is stored.
type Spec struct {
	ID        string            `json:"id"` // UUIDv7; empty in a submission: Submit makes one
	Flow      int64             `json:"flow"`
	Version   string            `json:"version"` // content hash of the flow version that the run executes (I8)
	Queue     string            `json:"queue"`
	Principal string            `json:"principal,omitempty"` // "key:<key>", "user:<name>", "client:<id>"
	Event     json.RawMessage   `json:"event,omitempty"`     // absent for a call without a body
	Params    map[string]string `json:"params,omitempty"`    // query parameters that the flow declares
	Headers   map[string]string `json:"headers,omitempty"`   // headers that the flow declares, lower-case names
	Accepted  time.Time         `json:"accepted"`
	Limit     time.Duration     `json:"limit"`           // execution limit
	Sync      bool              `json:"sync,omitempty"`  // a caller waits for the result: the limit counts from acceptance, otherwise from the first start
	Trace     map[string]string `json:"trace,omitempty"` // W3C trace context
	ReplayOf  string            `json:"replay_of,omitempty"`
	Depth     int               `json:"depth,omitempty"`      // number of runs in the chain that started this one; 0: no run started it
	RequestID string            `json:"request_id,omitempty"` // of the request that began the run, if others may attach to it
}

// Result is the result of a run. Output is set when it succeeded, Error otherwise.
type Result struct {
	State  State           `json:"state"`
	Output json.RawMessage `json:"output,omitempty"` // JSON array, returned to the caller byte for byte (I7)
	Error  *flows.Error    `json:"error,omitempty"`
	Times  Times           `json:"times"`
	gone   bool            // Redis has lost the record
	Early  *flows.Response `json:"early,omitempty"` // early response of the flow; nil: none. The run may continue, see State
}

// Times are the times of a run by the clock of Redis. Zero: not reached.
type Times struct {
	Accepted  time.Time `json:"accepted"`
	Started   time.Time `json:"started,omitzero"` // beginning of the latest attempt
	Finished  time.Time `json:"finished,omitzero"`
	Delivered time.Time `json:"replied,omitzero"` // the caller received the result; in records only, and not in all of them
}
