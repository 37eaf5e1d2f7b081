package flows

import (
	"strconv"
	"sync/atomic"
	"time"
)

// Input is one item as a step sees it. It is valid until Run returns.
type Input struct {
	p       *stepRun
	item    item
	index   int
	outcome *ItemOutcome  // what is told of the item; nil: nothing
	made    *atomic.Int64 // bytes that tabs charged for the item
}

// Value is the item; for a kind that gathers, the array of all. Nobody may
// change it: other items share its parts.
func (in *Input) Value() any { return in.item.value }

// Index is the position of the item among those that the step was given.
func (in *Input) Index() int { return in.index }

// Key names this step for this item within the run: "<step path>.<item
// index>". It is the same in every attempt of the run.
func (in *Input) Key() string {
	return in.p.journalKey() + strconv.Itoa(in.index)
}

// RunKey is Key made unique among runs, for an Idempotency-Key header.
func (in *Input) RunKey() string { return in.p.x.run.ID + "." + in.Key() }

// Run is the run that executes. It must not be changed.
func (in *Input) Run() *Run { return &in.p.x.run }

// Flow is the flow that the step belongs to. It must not be changed.
func (in *Input) Flow() *Flow { return in.p.x.flow }

// StateKey is the key under which steps of a kind keep a value between runs, for
// this flow or shared by all. It is for Env.State.
func (in *Input) StateKey(kind, name string, shared bool) string {
	return stateKey(in.p.x.flow, kind, name, shared)
}

func stateKey(f *Flow, kind, name string, shared bool) string {
	if shared {
		return "shared/" + kind + "/" + name
	}
	return "flow/" + strconv.FormatInt(f.Number, 10) + "/" + kind + "/" + name
}

// All are the values of all items that the step was given.
func (in *Input) All() []any {
	values := make([]any, len(in.p.items))
	for i, it := range in.p.items {
		values[i] = it.value
	}
	return values
}

// Env is what the execution may reach. It must not be changed.
func (in *Input) Env() *Env { return &in.p.x.env }

// Log writes a line into the run's record. Fields that the step's redact
// attribute names are masked.
func (in *Input) Log(level, message string, fields map[string]any) {
	trace := in.p.x.env.Trace
	if trace == nil {
		return
	}
	trace.Log(Line{
		Step: in.p.path(), Item: in.index, At: time.Now(),
		Level: level, Message: message, Fields: in.p.step.maskFields(fields),
	})
}

// With is the same input with another value, for a program of the step that
// reads something else than the item: what came back, a page.
func (in *Input) With(value any) *Input {
	other := *in
	other.item.value = value
	return &other
}
