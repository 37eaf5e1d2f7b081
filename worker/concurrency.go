package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// parkIfPaused parks a run whose flow is paused. It returns nil when the run may execute.
func (r *runner) parkIfPaused(ctx context.Context, a *queue.Attempt) *queue.Outcome {
	if r.cfg.Paused == nil {
		return nil
	}
	since := r.cfg.Paused(a.Flow)
	if since.IsZero() {
		return nil
	}
	admission, err := a.ParkIfPaused(ctx, since)
	var o queue.Outcome
	switch {
	case err != nil:
		o = r.outcome(ctx, nil, nil, fmt.Errorf("park run of paused flow: %w", err))
	case admission == queue.Deferred:
		r.observeParked(a, "pause")
		o = queue.Outcome{State: queue.Waiting}
	default:
		return nil
	}
	return &o
}

// observeParked reports to Config.Parked why an attempt has parked its run.
func (r *runner) observeParked(a *queue.Attempt, why string) {
	if r.cfg.Parked != nil {
		r.cfg.Parked(a.Flow, why)
	}
}

// enterLimits acquires a place at each concurrency limit of the run. It returns nil when the run may execute.
func (r *runner) enterLimits(ctx context.Context, a *queue.Attempt, flow *flows.Flow, run flows.Run) *queue.Outcome {
	limits, err := concurrencyLimits(ctx, flow, run)
	if err != nil {
		o := r.outcome(ctx, nil, nil, err)
		return &o
	}
	for _, limit := range limits {
		admission, err := a.Acquire(ctx, limit)
		var o queue.Outcome
		switch {
		case err != nil:
			o = r.outcome(ctx, nil, nil, fmt.Errorf("acquire concurrency limit: %w", err))
		case admission == queue.Deferred:
			r.observeParked(a, "limit")
			o = queue.Outcome{State: queue.Waiting}
		case admission == queue.Rejected:
			o = failed(&flows.Error{Code: flows.CodeBusy, Status: http.StatusTooManyRequests,
				Message: fmt.Sprintf("as many runs of flow %d execute as may at once", flow.Number)})
		case admission == queue.Superseded:
			o = queue.Outcome{State: queue.Cancelled, Error: &flows.Error{Code: flows.CodeCancelled, Message: "later runs took its place"}}
		default:
			continue
		}
		return &o
	}
	return nil
}

// concurrencyLimits lists the concurrency limits of a run, none for most flows: the one of scheduled runs that must
// not overlap, and the flow's own.
func concurrencyLimits(ctx context.Context, flow *flows.Flow, run flows.Run) ([]queue.ConcurrencyLimit, error) {
	var limits []queue.ConcurrencyLimit
	if s := flow.Schedule; s != nil && s.Overlap == "queue" && run.Principal == "" {
		limits = append(limits, queue.ConcurrencyLimit{Key: fmt.Sprintf("schedule %d", flow.Number), Max: 1, WhenFull: queue.WhenFullWait})
	}
	c := flow.Concurrency
	if c == nil {
		return limits, nil
	}
	key := ""
	if c.Key != nil {
		var err error
		if key, err = flow.Text(ctx, c.Key, run); err != nil {
			return nil, keyError(err)
		}
	}
	return append(limits, queue.ConcurrencyLimit{
		Key: fmt.Sprintf("flow %d %s", flow.Number, key), Max: c.Limit, WhenFull: queue.WhenFull(c.WhenFull),
	}), nil
}

func keyError(err error) error {
	var known *flows.Error
	if !errors.As(err, &known) {
		known = &flows.Error{Code: flows.CodeExpression, Message: err.Error(), Err: err}
	}
	e := *known
	e.Message = "run.concurrency.key: " + known.Message
	return &e
}
