package api

import (
	"context"

	"github.com/penstock/penstock/api/fleet"
	flowsapi "github.com/penstock/penstock/api/flows"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/api/runs"
	"github.com/penstock/penstock/queue"
)

// Queue adapts queue.Client to the fields Submit, Records and Runs of Config.
type Queue struct{ *queue.Client }

// Submit implements runner.Submit. It returns a nil interface, not a nil ticket, with an error.
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

// Fleet reads and operates queues, workers and the runs of paused flows. *queue.Client implements it.
type Fleet interface {
	fleet.Fleet
	flowsapi.WaitingRuns
	flowsapi.Comparer
}
