package flows

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// Input is one item at a step. It is valid until Run returns.
type Input struct {
	p       *stepRun
	item    item
	index   int
	outcome *ItemOutcome  // scratch record of the worker; nil: not recorded, see newOutcome
	again   string        // makes the key of an effect another one, see RunKey
	uuids   *atomic.Int64 // number of UUIDs made for the item; nil: outside of a step
	made    *atomic.Int64 // bytes charged by chargers for the item
}

// Value returns the item, or for an aggregating kind the array of all items. It must not be modified: other items
// share its parts.
func (in *Input) Value() any { return in.item.value }

// Index is the position of the item among the input items of the step.
func (in *Input) Index() int { return in.index }

// Key identifies this step and item within the run: "<step path>.<item index>". It is equal in every attempt of the
// run.
func (in *Input) Key() string {
	return in.p.journalKey() + strconv.Itoa(in.index)
}

// RunKey is Key made unique across runs, for an Idempotency-Key header. A run that continues another one has its keys,
// except of effects that it repeats although they had succeeded.
func (in *Input) RunKey() string { return in.p.x.run.origin() + "." + in.Key() + in.again }

// uuid returns the next UUID for the item: version 5 (RFC 9562, section 5.5) of the run, the step, the item and a number.
// Every attempt has the same.
func (in *Input) uuid() string {
	name := in.RunKey() + "." + strconv.FormatInt(in.uuids.Add(1), 10)
	return uuid.NewSHA1(uuidNamespace, []byte(name)).String()
}

// uuidNamespace makes UUIDs of runs other ones than those that other programs derive from equal names.
var uuidNamespace = uuid.MustParse("5f0c9a52-6a2e-4b0e-9d0b-3f1c8f6f2d17")

// Run returns the current run. It must not be modified.
func (in *Input) Run() *Run { return &in.p.x.run }

// Flow returns the flow of the step. It must not be modified.
func (in *Input) Flow() *Flow { return in.p.x.flow }

// StateKey returns the key in Env.State for a value that a kind keeps between runs, for this flow or shared by all
// flows.
func (in *Input) StateKey(kind, name string, shared bool) string {
	return stateKey(in.p.x.flow, kind, name, shared)
}

func stateKey(f *Flow, kind, name string, shared bool) string {
	if shared {
		return "shared/" + kind + "/" + name
	}
	return "flow/" + strconv.FormatInt(f.Number, 10) + "/" + kind + "/" + name
}

// All returns the values of all input items of the step.
func (in *Input) All() []any {
	values := make([]any, len(in.p.items))
	for i, it := range in.p.items {
		values[i] = it.value
	}
	return values
}

// Env returns the environment of the execution. It must not be modified.
func (in *Input) Env() *Env { return &in.p.x.env }

// Log adds a line to the run's record. Fields named by the step's redact attribute are masked.
func (in *Input) Log(level, message string, fields map[string]any) {
	trace := in.p.x.env.Trace
	if trace == nil {
		return
	}
	trace.Log(LogLine{
		Step: in.p.path(), Item: in.index, At: time.Now(),
		Level: level, Message: message, Fields: in.p.step.maskFields(fields),
	})
}

// With returns the same input with another value, for a program that reads something other than the item: a response,
// a page.
func (in *Input) With(value any) *Input {
	other := *in
	other.item.value = value
	return &other
}
