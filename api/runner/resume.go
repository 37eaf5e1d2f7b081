package runner

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// PlanResume plans how a run of flow continues a run that has ended, which was one of the version earlier. Errors: a
// queue.ResumedError, queue.ErrMoved for a run that has not ended or has succeeded, and a Fault for options that do not
// fit.
func (r *Runner) PlanResume(ctx context.Context, record *queue.Record, flow, earlier *flows.Flow, o flows.ResumeOptions) (*flows.Resumption, error) {
	switch err := record.Resumable(); {
	case errors.Is(err, queue.ErrMoved):
		return nil, &httpx.Fault{Status: http.StatusConflict, Code: "not_resumable", Message: "only a run that failed, timed out or was cancelled can be continued; this one is " + string(record.State)}
	case err != nil:
		return nil, err
	}
	journal, err := r.config.Records.Journal(ctx, record)
	if err != nil {
		return nil, err
	}
	plan, err := record.PlanResume(flow, earlier, journal, o)
	var mistake *flows.ResumeError
	if errors.As(err, &mistake) {
		switch mistake.Field {
		case "version":
			return nil, &httpx.Fault{Status: http.StatusConflict, Code: "version_differs", Message: mistake.Message}
		case "flow":
			return nil, &httpx.Fault{Status: http.StatusConflict, Code: "not_resumable", Message: mistake.Message}
		}
		return nil, httpx.BadRequest("bad_resume", mistake.Field+": "+mistake.Message)
	}
	return plan, err
}

// submit submits a run. One that asks for it with queue.TellFailed continues the run of an earlier, equal request that
// failed, as the current version of the flow if that fits, otherwise as the version of the failed run. When neither is
// possible, or an effect is uncertain, it is attached to the failed run.
func (r *Runner) submit(c *gin.Context, s *queue.Submission) (ticket Ticket, err error) {
	const most = 3 // tries: meanwhile another equal request may continue the run
	for range most {
		var failed *queue.FailedError
		if ticket, err = r.config.Submit(c.Request.Context(), *s); !errors.As(err, &failed) {
			return ticket, err
		}
		next := *s
		if err = r.continueFailed(c, &next, failed.Run); err == nil {
			ticket, err = r.config.Submit(c.Request.Context(), next)
		}
		var resumed *queue.ResumedError
		if !errors.As(err, &resumed) {
			if err == nil {
				*s = next
			}
			return ticket, err
		}
	}
	return ticket, err
}

// continueFailed makes of a submission one that continues a failed run, or that is attached to it.
func (r *Runner) continueFailed(c *gin.Context, s *queue.Submission, run string) error {
	ctx, key := c.Request.Context(), *s.IdempotencyKey
	s.IdempotencyKey = &key // the caller's one is unchanged
	record, err := r.config.Records.Record(ctx, run)
	if errors.Is(err, queue.ErrNotFound) {
		key.Failed = queue.RunAgain
		return nil
	}
	if err != nil {
		return err
	}
	flow, plan, err := r.planRedelivery(c, &record)
	if err != nil {
		return err
	}
	if plan == nil || len(plan.Uncertain()) > 0 {
		key.Failed = queue.AttachToFailed
		return nil
	}
	next, err := ResumeSubmission(c, flow, &record, plan)
	if err != nil {
		return err
	}
	next.IdempotencyKey, next.FairKey, next.Trace, next.Sync = &key, s.FairKey, s.Trace, s.Sync
	next.Limit = min(next.Limit, s.Limit)
	key.Failed = queue.RunAgain // with Resume: what continues the failed run
	*s = next
	return nil
}

// planRedelivery returns the version of the flow that can continue a run, with the plan; nil: none can.
func (r *Runner) planRedelivery(c *gin.Context, record *queue.Record) (*flows.Flow, *flows.Resumption, error) {
	ctx := c.Request.Context()
	if r.config.Version == nil {
		return nil, nil, nil
	}
	earlier, err := r.config.Version(ctx, record.Flow, record.Version)
	if err != nil || earlier == nil {
		return nil, nil, err
	}
	for _, flow := range []*flows.Flow{httpx.StateOf(c).Flow, earlier} {
		plan, err := r.PlanResume(ctx, record, flow, earlier, flows.ResumeOptions{})
		var differs *httpx.Fault
		if !errors.As(err, &differs) {
			return flow, plan, err
		}
	}
	return nil, nil, nil
}

// ResumeSubmission returns the submission of a run of flow that continues another run by a plan, for the same principal. It
// fails when an effect of the plan is uncertain.
func ResumeSubmission(c *gin.Context, flow *flows.Flow, record *queue.Record, plan *flows.Resumption) (queue.Submission, error) {
	if uncertain := plan.Uncertain(); len(uncertain) > 0 {
		return queue.Submission{}, &httpx.Fault{
			Status: http.StatusConflict, Code: string(flows.CodeUncertain),
			Message: "it is not known whether these steps happened: " + strings.Join(uncertain, ", ") + `; find out, and say for each in assume "done" or "not_done"`,
		}
	}
	x := httpx.StateOf(c)
	x.MayRespondEarly, x.Flow, x.FlowNumber = flow.Responds(), flow, flow.Number
	s := queue.SubmissionOf(flow)
	record.Resume(&s, plan)
	s.Accepted = httpx.Now(c)
	return s, nil
}
