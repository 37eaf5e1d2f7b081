package api

import (
	"context"

	"github.com/penstock/penstock/api/fleet"
	flowsapi "github.com/penstock/penstock/api/flows"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/queue"
)

// Runs finds, ends and follows runs. Queue is one. Unknown runs are
// queue.ErrNotFound.
type Runs interface {
	// List calls each for runs in the order of their acceptance, without
	// their data; more: there are others.
	List(ctx context.Context, l queue.List, each func(*queue.Record)) (more bool, err error)
	// Cancel ends a run and returns the state that it had.
	Cancel(ctx context.Context, id string, why []byte) (queue.State, error)
	// Attach waits for the end of a run.
	Attach(ctx context.Context, id string) (runner.Ticket, error)
	// Watch follows a run while it runs.
	Watch(ctx context.Context, id string) (Watch, error)
}

// Watch tells what happens to a run. *queue.Watch is one.
type Watch interface {
	Events() <-chan queue.Event // closed when its reader is too slow
	Close()
}

// Queue is the queue as a door sees it: Submit, Records and Runs of a Config.
type Queue struct{ *queue.Client }

// Submit implements Submit. A nil ticket must become a nil interface.
func (q Queue) Submit(ctx context.Context, s queue.Submission) (runner.Ticket, error) {
	ticket, err := q.Client.Submit(ctx, s)
	if err != nil {
		return nil, err
	}
	return ticket, nil
}

// Attach implements Runs.
func (q Queue) Attach(ctx context.Context, id string) (runner.Ticket, error) {
	ticket, err := q.Client.Attach(ctx, id)
	if err != nil {
		return nil, err
	}
	return ticket, nil
}

// Watch implements Runs.
func (q Queue) Watch(ctx context.Context, id string) (Watch, error) {
	watch, err := q.Client.Watch(ctx, id)
	if err != nil {
		return nil, err
	}
	return watch, nil
}

// Fleet looks at queues, workers and the runs of paused flows, and holds them.
// *queue.Client is one.
type Fleet interface {
	fleet.Fleet
	flowsapi.WaitingRuns
}
