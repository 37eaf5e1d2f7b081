// Package runner runs flows for the domains of the front door: it submits a run, waits for its result as long as
// the caller waits, and writes the response.
package runner

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/queue"
)

// Ticket waits for one accepted run. *queue.Ticket implements it.
type Ticket interface {
	RunID() string
	Attached() bool // the run belongs to an earlier, equal request
	// Wait returns the result of the run, or the error of the context if it ends first; then Wait may be called
	// again.
	Wait(ctx context.Context) (queue.Result, error)
	Close() // stops waiting; the run goes on
}

// Submit stores and enqueues a run, as queue.Client.Submit does.
type Submit func(ctx context.Context, s queue.Submission) (Ticket, error)

// Records finds runs, and the journals of runs that have ended. The error for an unknown run wraps queue.ErrNotFound.
type Records interface {
	Record(ctx context.Context, id string) (queue.Record, error)
	Journal(ctx context.Context, r *queue.Record) ([]flows.JournalEntry, error)
}

// Flows finds the current version of a flow by its number or slug.
type Flows interface {
	Find(ref string) (*flows.Flow, bool)
}

// Config of a Runner. Submit and Records are required.
type Config struct {
	Submit  Submit
	Records Records

	// Version returns a version of a flow, for runs that continue others; nil for an unknown one. Optional.
	Version func(ctx context.Context, flow int64, version string) (*flows.Flow, error)

	// Canary returns the version of the flow's canary if it executes a call of a principal with this idempotency key, empty
	// without one; nil: the current version does. Optional.
	Canary func(ctx context.Context, flow int64, principal, key string) *flows.Flow

	// Cancel cancels a run that no other caller waits for, as queue.Client.CancelUnwaited does; nil: run.cancel_with_caller limits the run, and cancels nothing.
	Cancel func(ctx context.Context, id string, why []byte) (queue.State, error)

	// Paused reports whether a flow is paused; nil: none is.
	Paused func(flow int64) bool

	// Memory is the budget for the event while a key is computed from it; nil: no limit.
	Memory *budget.Process
}

// Runner submits runs and waits for them. Safe for concurrent use.
type Runner struct{ config Config }

// New returns a Runner.
func New(config Config) *Runner { return &Runner{config} }

const (
	// maxWait is the longest wait of a request.
	maxWait = 60 * time.Second
	// AnswerGrace is the additional wait after the limit of a run, because a worker enforces the limit and the
	// result must arrive here. Invariant I4 allows 2 s in total.
	AnswerGrace = 1500 * time.Millisecond
)

// Submission returns a new submission of a flow for a principal, accepted now.
func Submission(c *gin.Context, f *flows.Flow, p *auth.Principal) queue.Submission {
	httpx.StateOf(c).MayRespondEarly, httpx.StateOf(c).Flow, httpx.StateOf(c).FlowNumber = f.Responds(), f, f.Number
	s := queue.SubmissionOf(f)
	s.Principal, s.Headers, s.Accepted = p.String(), declaredHeaders(f, c.Request.Header), httpx.Now(c)
	return s
}

// ChooseVersion makes the canary of the flow execute a submission that it takes. A replay and a run that continues another
// one have the version that they were made with. It comes before WaitForEnd, because versions may have different limits.
func (r *Runner) ChooseVersion(c *gin.Context, s *queue.Submission) {
	if r.config.Canary == nil || s.ReplayOf != "" || s.Resume != nil {
		return
	}
	key := ""
	if s.IdempotencyKey != nil {
		key = s.IdempotencyKey.Key
	}
	canary := r.config.Canary(c.Request.Context(), s.Flow, s.Principal, key)
	if canary == nil {
		return
	}
	httpx.StateOf(c).MayRespondEarly, httpx.StateOf(c).Flow = canary.Responds(), canary
	of := queue.SubmissionOf(canary)
	s.Version, s.Limit, s.Share = of.Version, of.Limit, of.Share
}

// WaitForEnd marks the submission as synchronous, and returns how long the request waits: for the limit of the run, at most
// maxWait. The run may outlive its caller if outlives is true, or if its flow responds before its end; otherwise its limit is
// set to the wait.
func WaitForEnd(c *gin.Context, s *queue.Submission, outlives bool) time.Duration {
	s.Sync = true
	wait := min(s.Limit, maxWait)
	if !outlives && !httpx.StateOf(c).MayRespondEarly {
		s.Limit = wait
	}
	if s.Limit > wait {
		return wait
	}
	return wait + AnswerGrace
}

// Execute submits a run and waits for its result; nil when the run has not ended in this time. All domains run
// flows through it: it sets the header with the run id, keeps the connection open and closes the ticket.
func (r *Runner) Execute(c *gin.Context, s queue.Submission, wait time.Duration) (*queue.Result, error) {
	x, submitted := httpx.StateOf(c), httpx.Now(c)
	var err error
	if s.FairKey, err = r.fairKey(c.Request.Context(), x.Flow, &s); err != nil {
		return nil, err
	}
	if err := r.collect(c.Request.Context(), x.Flow, &s); err != nil {
		return nil, err
	}
	if s.IdempotencyKey != nil && !s.IdempotencyKey.Reject { // else no request attaches to the run
		s.RequestID = x.ID
	}
	ticket, err := r.submit(c, &s)
	if errors.Is(err, queue.ErrUnavailable) {
		x.KeepFiles() // it may have been accepted
	}
	if err != nil {
		return nil, err
	}
	defer ticket.Close()
	if x.Run, x.Attached = ticket.RunID(), ticket.Attached(); x.Run == s.ID {
		x.KeepFiles()
	}
	c.Header(httpx.HeaderRun, x.Run)
	httpx.TellRun(c)
	if x.Attached {
		x.FirstID = func() string { // the failure of a run has the same bytes for all equal requests, with the id of the first
			record, err := r.config.Records.Record(c.Request.Context(), x.Run)
			if err != nil {
				return ""
			}
			return record.RequestID
		}
	}
	if wait <= 0 {
		setTiming(c, x.Start, submitted, queue.Times{}, submitted)
		return nil, nil
	}
	httpx.KeepOpen(c, wait)
	ctx, cancel := context.WithTimeout(c.Request.Context(), wait)
	defer cancel()
	result, err := ticket.Wait(ctx)
	setTiming(c, x.Start, submitted, result.Times, httpx.Now(c))
	if err == nil {
		x.RunEnded = result.State.Terminal()
		return &result, nil
	}
	if s.Sync && !x.Attached && cancelsWithCaller(c) {
		r.cancel(context.Cause(ctx), x.Run)
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.DeadlineExceeded) {
		return nil, cause // the caller has disconnected, or this process stops
	}
	if ctx.Err() != nil {
		return nil, nil
	}
	return nil, err
}

// cancelsWithCaller reports whether the flow of the request has run.cancel_with_caller.
func cancelsWithCaller(c *gin.Context) bool {
	f := httpx.StateOf(c).Flow
	return f != nil && f.CancelWithCaller
}

// cancelWait is the time limit for the cancellation of a run whose caller has gone.
const cancelWait = 5 * time.Second

// cancel cancels a run whose caller has disconnected or got its last response. A process that stops cancels none. If Redis is
// away, the run ends at its limit.
func (r *Runner) cancel(cause error, run string) {
	if r.config.Cancel == nil || !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelWait)
	defer cancel()
	why := flows.EncodeJSON(map[string]any{"code": string(flows.CodeCallerLeft), "message": "the caller no longer waits, and the flow has run.cancel_with_caller"})
	_, _ = r.config.Cancel(ctx, run, why)
}

// setTiming sets the header Server-Timing: auth until the submission, queue until a worker began the run, run, and
// reply until now. The times are from different machines; negative durations are written as zero.
func setTiming(c *gin.Context, start, submitted time.Time, t queue.Times, now time.Time) {
	var stack [96]byte
	line := append(stack[:0], "auth;dur="...)
	line = appendMillis(line, submitted.Sub(start))
	if !t.Started.IsZero() {
		line = append(line, ", queue;dur="...)
		line = appendMillis(line, t.Started.Sub(t.Accepted))
		if !t.Finished.IsZero() {
			line = append(line, ", run;dur="...)
			line = appendMillis(line, t.Finished.Sub(t.Started))
		}
	}
	if !t.Finished.IsZero() {
		line = append(line, ", reply;dur="...)
		line = appendMillis(line, now.Sub(t.Finished))
	}
	c.Header("Server-Timing", string(line))
}

func appendMillis(line []byte, d time.Duration) []byte {
	return strconv.AppendFloat(line, max(0, float64(d)/float64(time.Millisecond)), 'f', 3, 64)
}
