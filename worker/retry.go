package worker

import (
	"context"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// retry parks a run that failed until its next try, if the flow has run.retry and another try may help. A run that a
// caller waits for is tried again only before its deadline, so that the caller gets an answer.
func (r *runner) retry(ctx context.Context, a *queue.Attempt, flow *flows.Flow, o queue.Outcome) queue.Outcome {
	if flow.Retry == nil || o.State != queue.Failed {
		return o
	}
	earlier, err := a.Retry(ctx)
	if err != nil {
		r.log.Warn("retry run", "run_id", a.ID, "error", err)
		return o
	}
	pause, again := flow.RetryPause(o.Error, len(earlier.Tries)+1)
	if !again || a.Sync && pause >= time.Until(a.Deadline) {
		return o
	}
	wake := time.Now().Add(pause)
	plan, err := a.PlanRetry(ctx, flow, earlier, o.Error, wake)
	if err != nil {
		r.log.Warn("retry run", "run_id", a.ID, "error", err)
	}
	if plan == nil {
		return o
	}
	r.observeParked(a, "retry")
	return queue.Outcome{State: queue.Waiting, Wake: wake, Retry: plan, Error: o.Error}
}
