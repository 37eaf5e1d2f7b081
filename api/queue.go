package api

import (
	"context"

	"github.com/penstock/penstock/api/fleet"
	flowsapi "github.com/penstock/penstock/api/flows"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/api/runs"
	"github.com/penstock/penstock/queue"
)

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

// Attach implements runs.Runs.
func (q Queue) Attach(ctx context.Context, id string) (runner.Ticket, error) {
	ticket, err := q.Client.Attach(ctx, id)
	if err != nil {
		return nil, err
	}
	return ticket, nil
}

// Watch implements runs.Runs.
func (q Queue) Watch(ctx context.Context, id string) (runs.Watch, error) {
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
