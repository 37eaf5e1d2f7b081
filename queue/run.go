package queue

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strconv"
	"time"

	"github.com/google/uuid"

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

// Spec is what was accepted. It does not change once the run is stored, except that a batch loses its principal with the first event
// of another one.
type Spec struct {
	ID          string            `json:"id"` // UUIDv7; empty in a submission: Submit makes one
	Flow        int64             `json:"flow"`
	Version     string            `json:"version"` // content hash of the flow version that the run executes (I8)
	Queue       string            `json:"queue"`
	Principal   string            `json:"principal,omitempty"` // "key:<key>", "user:<name>", "client:<id>"; empty: the run belongs to no caller, see submit_batched.lua
	Event       json.RawMessage   `json:"event,omitempty"`     // absent for a call without a body
	Params      map[string]string `json:"params,omitempty"`    // query parameters that the flow declares
	Headers     map[string]string `json:"headers,omitempty"`   // headers that the flow declares, lower-case names
	Accepted    time.Time         `json:"accepted"`
	Limit       time.Duration     `json:"limit"`           // execution limit
	Sync        bool              `json:"sync,omitempty"`  // a caller waits for the result: the limit counts from acceptance, otherwise from the first start
	Trace       map[string]string `json:"trace,omitempty"` // W3C trace context
	ReplayOf    string            `json:"replay_of,omitempty"`
	ResumedFrom string            `json:"resumed_from,omitempty"` // the run that this one continues
	Origin      string            `json:"origin,omitempty"`       // the first of the runs that continue each other, whose effects and files are theirs
	Depth       int               `json:"depth,omitempty"`        // number of runs in the chain that started this one; 0: no run started it
	FailureOf   string            `json:"failure_of,omitempty"`   // the run whose failure this one handles, with the flow's on_failure
	Failure     json.RawMessage   `json:"failure,omitempty"`      // the error of that run
	RequestID   string            `json:"request_id,omitempty"`   // of the request that began the run, if others may attach to it
}

// Input returns what a flow's settings are computed from, such as its fair key and its labels. The id is left out.
func (s *Spec) Input() (run flows.Run, err error) {
	run = flows.Run{Principal: s.Principal, Params: s.Params, Headers: s.Headers}
	if len(s.Event) > 0 {
		if run.Event, err = flows.DecodeJSON(s.Event); err != nil {
			return run, fmt.Errorf("decode event: %w", err)
		}
	}
	return run, nil
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

// A run id is a UUIDv7 whose last two bytes are a checksum of the name of its queue.
// The id alone therefore identifies the queue and the slot of its keys, without an
// index.

// NewRunID returns a new id for a run on the queue. Ids sort by time.
func NewRunID(queue string) string {
	id := uuid.Must(uuid.NewV7())
	sum := queueSum(queue)
	id[14], id[15] = byte(sum>>8), byte(sum)
	return id.String()
}

// idAt returns a new id as it was made at a time.
func idAt(queue string, at time.Time) string {
	id := uuid.MustParse(NewRunID(queue))
	ms := at.UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	return id.String()
}

func queueSum(queue string) uint16 {
	return uint16(crc32.ChecksumIEEE([]byte(queue)))
}

// onQueue reports whether id may have been made for the queue.
func onQueue(id, queue string) bool {
	u, err := uuid.Parse(id)
	return err == nil && uint16(u[14])<<8|uint16(u[15]) == queueSum(queue)
}

// createdAt returns the time at which a run id was made, in milliseconds; false: the
// text is no run id.
func createdAt(id string) (time.Time, bool) {
	u, err := uuid.Parse(id)
	if err != nil {
		return time.Time{}, false
	}
	ms := int64(0)
	for _, b := range u[:6] {
		ms = ms<<8 | int64(b)
	}
	return time.UnixMilli(ms), true
}

// MadeAt returns the time at which a run id was made, by the clock of the process that accepted the run; false: the text is
// no run id.
func MadeAt(id string) (time.Time, bool) { return createdAt(id) }

// taskID returns the id of the asynq task of one attempt of a run.
func taskID(run string, attempt int) string {
	return run + "." + strconv.Itoa(attempt)
}

const idLen = 36 // characters of a run id; a task id is a run id, "." and the number of the attempt
