package worker

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/penstock/penstock/flows"
)

// errTooNew ends an attempt that needs another flow which this binary cannot compile, for example one deployed by a newer
// binary; another worker executes the run.
var errTooNew = errors.New("worker: this binary cannot compile a deployed flow")

// tooNewPause is the time before a run goes back to its queue because of errTooNew, so that a fleet without a newer
// worker tries once a second until the run's deadline.
const tooNewPause = time.Second

// tooNewError is the failure of a step that needs such a flow. It is temporary.
func tooNewError(ref string) error {
	return &flows.Error{Class: flows.ClassNetwork, Err: errTooNew, Message: "this process is too old for the flow " + strconv.Quote(ref)}
}

// versionCheckedFlows implements flows.Flows. It ends the attempt when a called flow is too new for this binary.
type versionCheckedFlows struct {
	flows.Flows
	tooNew func(ref string) bool
	giveUp context.CancelCauseFunc
}

// Find implements flows.Flows.
func (f versionCheckedFlows) Find(ref string) (*flows.Flow, bool) {
	flow, ok := f.Flows.Find(ref)
	if !ok && f.tooNew(ref) {
		f.giveUp(errTooNew)
	}
	return flow, ok
}

// versionCheckedEmitter implements flows.Emitter. It ends the attempt when the other flow is too new for this binary.
type versionCheckedEmitter struct {
	Emitter
	giveUp context.CancelCauseFunc
}

// Emit implements flows.Emitter.
func (e versionCheckedEmitter) Emit(ctx context.Context, m flows.Emission) (string, error) {
	run, err := e.Emitter.Emit(ctx, m)
	endIfTooNew(err, e.giveUp)
	return run, err
}

func endIfTooNew(err error, giveUp context.CancelCauseFunc) {
	if errors.Is(err, errTooNew) {
		giveUp(errTooNew)
	}
}
