package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

const (
	// maxWait is the longest that a door waits for a run, and so the limit of
	// a run that somebody waits for.
	maxWait = 60 * time.Second
	// answerGrace is how long past a run's limit its result is waited for: the
	// limit is enforced elsewhere and the news must travel. Invariant I4 allows
	// 2 s in all.
	answerGrace = 1500 * time.Millisecond
)

// submission is a run of a flow for a principal, accepted now.
func (a *API) submission(c *gin.Context, f *flows.Flow, p *auth.Principal) queue.Submission {
	httpx.StateOf(c).Answers, httpx.StateOf(c).Flow, httpx.StateOf(c).FlowNumber = f.Answers(), f, f.Number
	s := queue.SubmissionOf(f)
	s.Principal, s.Headers, s.Accepted = p.String(), declaredHeaders(f, c.Request.Header), a.config.Now()
	return s
}

// waitForAll makes the run one that is waited for to its end, and returns how
// long that may take. No run outlives who waits for it like this.
func waitForAll(c *gin.Context, s *queue.Submission) time.Duration {
	s.Sync = true
	patience := min(s.Limit, maxWait)
	if !httpx.StateOf(c).Answers { // else it may go on after its caller has left
		s.Limit = patience
	}
	return patience + answerGrace
}

// execute submits a run and waits for its result as long as patience lasts;
// nil when that was too short. All doors run flows through it: it names the
// run in the answer, keeps the connection open and lets go of the waiter.
func (a *API) execute(c *gin.Context, s queue.Submission, patience time.Duration) (*queue.Result, error) {
	x, submitted := httpx.StateOf(c), a.config.Now()
	var err error
	if s.FairKey, err = a.fairKey(c.Request.Context(), x.Flow, &s); err != nil {
		return nil, err
	}
	ticket, err := a.config.Submit(c.Request.Context(), s)
	if err != nil {
		return nil, err
	}
	defer ticket.Close()
	x.Run, x.Attached = ticket.RunID(), ticket.Attached()
	c.Header(httpx.HeaderRun, x.Run)
	if patience <= 0 {
		setTiming(c, x.Start, submitted, queue.Times{}, submitted)
		return nil, nil
	}
	httpx.KeepOpen(c, patience)
	ctx, cancel := context.WithTimeout(c.Request.Context(), patience)
	defer cancel()
	result, err := ticket.Wait(ctx)
	setTiming(c, x.Start, submitted, result.Times, a.config.Now())
	if err == nil {
		x.Ended = result.State.Terminal()
		return &result, nil
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.DeadlineExceeded) {
		return nil, cause // the caller went away, or this process stops
	}
	if ctx.Err() != nil {
		return nil, nil
	}
	return nil, err
}

// fairKey renders the flow's run.fair_by; "" without it. f is nil for a run that is started again.
func (a *API) fairKey(ctx context.Context, f *flows.Flow, s *queue.Submission) (string, error) {
	if f == nil || f.FairBy == nil {
		return "", nil
	}
	return a.render(ctx, s, "fair_by", f.FairKey)
}

// runFault is why a run has no output; nil for one that succeeded.
func runFault(id string, r *queue.Result) *httpx.Fault {
	f := &httpx.Fault{Status: http.StatusUnprocessableEntity, Code: string(flows.CodeInternal), Message: "the run failed", Run: id}
	switch r.State {
	case queue.Succeeded:
		return nil
	case queue.TimedOut:
		f.Status, f.Code, f.Message = http.StatusGatewayTimeout, string(flows.CodeTimeout), "the run hit its execution limit"
	case queue.Cancelled:
		f.Code, f.Message = string(flows.CodeCancelled), "the run was cancelled"
	}
	e := r.Error
	if e == nil {
		return f
	}
	f.Code, f.Step = string(e.Code), e.Step
	if e.Code == flows.CodeInternal { // its message is for the log
		f.Status, f.Message = http.StatusInternalServerError, "the run failed for a reason of ours"
		return f
	}
	if e.Message != "" {
		f.Message = e.Message
	}
	if r.State == queue.Failed && e.Status >= 400 && e.Status <= 599 {
		f.Status, f.ByFlow = e.Status, true
	}
	return f
}

// overdue is the fault of a run whose result did not come in time: by then it
// has been cancelled at its limit.
func overdue(id string) *httpx.Fault {
	return runFault(id, &queue.Result{State: queue.TimedOut})
}

// outputOf returns the stored output, byte for byte.
func outputOf(r *queue.Result) []byte {
	if len(r.Output) == 0 {
		return emptyOutput
	}
	return r.Output
}

// Fixed parts of answers. Read only.
var emptyOutput = []byte("[]")
