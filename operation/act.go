package operation

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// retryPause is the pause after which an action is tried again while Redis is away or too many runs wait.
const retryPause = 500 * time.Millisecond

// one applies the action to one run, however long the queue is full or Redis is away.
func (e *Executor) one(ctx context.Context, o *Operation, id string) Result {
	for {
		r, err := e.act(ctx, o, id)
		r.Run = id
		switch refused := new(skip); {
		case err == nil:
			r.Outcome = Applied
			return r
		case errors.As(err, &refused):
			r.Outcome, r.Code, r.Detail = NotApplied, refused.code, refused.detail
			return r
		case !errors.Is(err, queue.ErrFull) && !errors.Is(err, queue.ErrUnavailable):
			e.config.Log.Warn("act on run of operation", "operation", o.ID, "run_id", id, "error", err)
			r.Outcome, r.Code = Broken, string(flows.CodeInternal) // the log has the rest
			return r
		}
		select {
		case <-ctx.Done():
			return r
		case <-time.After(retryPause):
		}
	}
}

// skip is the reason for which an action does not apply to a run.
type skip struct{ code, detail string }

func (s *skip) Error() string { return s.code + ": " + s.detail }

func (e *Executor) act(ctx context.Context, o *Operation, id string) (Result, error) {
	switch o.Action {
	case Resolve, Ignore:
		return Result{}, e.triage(ctx, o, id)
	case Cancel:
		return Result{}, e.cancel(ctx, o, id)
	}
	record, err := e.config.Queue.Record(ctx, id)
	if err != nil {
		return Result{}, gone(err)
	}
	if o.Action == Replay {
		return e.replay(ctx, o, &record)
	}
	return e.resume(ctx, o, &record)
}

func gone(err error) error {
	if errors.Is(err, queue.ErrNotFound) {
		return &skip{"not_found", "the run is not kept any more"}
	}
	if errors.Is(err, queue.ErrDropped) {
		return &skip{"payload_dropped", "what the run received was deleted, by its retention or by an erasure"}
	}
	return err
}

func (e *Executor) triage(ctx context.Context, o *Operation, id string) error {
	err := e.config.Queue.SetTriage(ctx, id, queue.Triage{State: o.Action.triage(), By: o.By, At: o.Created, Note: "operation " + o.ID})
	if errors.Is(err, queue.ErrNotTriaged) {
		return &skip{"not_triaged", "the run has not failed or timed out"}
	}
	return gone(err)
}

func (e *Executor) cancel(ctx context.Context, o *Operation, id string) error {
	message := "the run was cancelled by operation " + o.ID
	why, err := json.Marshal(flows.Error{Code: flows.CodeCancelled, Message: message})
	if err != nil {
		return err
	}
	had, err := e.config.Queue.Cancel(ctx, id, why)
	if err != nil || !had.Terminal() {
		return gone(err)
	}
	if record, err := e.config.Queue.Record(ctx, id); err == nil && record.Error != nil && record.Error.Message == message {
		return nil // by an earlier call, whose result was not recorded
	}
	return &skip{"has_ended", "the run is " + string(had)}
}

// key returns the idempotency key by which repeated actions on a run start one run.
func (o *Operation) key(run string) *queue.IdempotencyKey {
	return &queue.IdempotencyKey{Key: "operation\x00" + o.ID + "\x00" + run, Window: retention}
}

// start starts a run. The request id of the run names the operation.
func (e *Executor) start(ctx context.Context, o *Operation, flow *flows.Flow, s queue.Submission, first string) (Result, error) {
	s.Accepted, s.IdempotencyKey, s.RequestID = time.Now(), o.key(first), o.ID
	if err := s.SetFairKey(ctx, flow); err != nil {
		return Result{}, &skip{"fair_by", "the flow's run.fair_by cannot be computed: " + err.Error()}
	}
	id, err := e.config.Queue.Start(ctx, s, time.Time{})
	var ran *queue.RanError
	if errors.As(err, &ran) {
		id, err = ran.Run, nil
	}
	return Result{By: id}, err
}

// Executes returns the version of the flow of a run that an operation would execute; nil: it starts no run, or the version is
// gone, and the run will be skipped.
func (e *Executor) Executes(ctx context.Context, about *About, r *queue.Record) *flows.Flow {
	if !about.Action.Starts() {
		return nil
	}
	flow, err := e.version(ctx, r, about.Version)
	if err != nil {
		return nil
	}
	return flow
}

// version returns the version of the flow that an action executes.
func (e *Executor) version(ctx context.Context, r *queue.Record, version string) (*flows.Flow, error) {
	if version == "current" {
		flow, found := e.config.Flows.Find(strconv.FormatInt(r.Flow, 10))
		if !found {
			return nil, &skip{"flow_gone", "the flow is not deployed any more"}
		}
		return flow, nil
	}
	flow, err := e.config.Flows.Version(ctx, r.Flow, r.Version)
	if err != nil {
		return nil, &skip{"version_gone", "the version of the run cannot be used: " + err.Error()}
	}
	return flow, nil
}

// replaced returns a skip for a run in whose place another one goes on, or has failed: replaying both would repeat the effects
// of one call twice. That other run is to be acted on. It is nil for a run that the operation replays itself, and for one whose
// successor has succeeded or was cancelled.
func (e *Executor) replaced(ctx context.Context, operation string, r *queue.Record) error {
	for _, by := range []string{r.ResumedBy, r.ReplayedBy} {
		if by == "" {
			continue
		}
		next, err := e.config.Queue.Record(ctx, by)
		switch {
		case errors.Is(err, queue.ErrNotFound):
		case err != nil:
			return err
		case operation != "" && next.RequestID == operation:
		case next.State != queue.Succeeded && next.State != queue.Cancelled:
			code := "already_replayed"
			if by == r.ResumedBy {
				code = "already_resumed"
			}
			return &skip{code, "in its place is " + by + ", which has not succeeded: act on that run"}
		}
	}
	return nil
}

func (e *Executor) replay(ctx context.Context, o *Operation, r *queue.Record) (Result, error) {
	if r.Dropped {
		return Result{}, gone(queue.ErrDropped)
	}
	if err := e.replaced(ctx, o.ID, r); err != nil {
		return Result{}, err
	}
	flow, err := e.version(ctx, r, o.Version)
	if err != nil {
		return Result{}, err
	}
	s := queue.SubmissionOf(flow)
	s.Principal = o.By
	if o.KeepCallers {
		s.Principal = r.Principal
	}
	r.Replay(&s)
	if e.config.CopyFiles != nil {
		owner := queue.NewRunID(s.Queue)
		event, copies, err := e.config.CopyFiles(ctx, r.Event, r.FilesOf(), owner)
		if err != nil {
			return Result{}, err
		}
		if s.Event = event; len(copies) > 0 { // those of a repeated call are swept: their run does not exist
			s.ID = owner
		}
	}
	return e.start(ctx, o, flow, s, r.ID)
}

func (e *Executor) resume(ctx context.Context, o *Operation, r *queue.Record) (Result, error) {
	flow, plan, err := e.plan(ctx, &o.About, r)
	if err != nil {
		if by, mine := e.resumedBy(ctx, o, err); mine {
			return Result{By: by}, nil
		}
		return Result{}, resumeSkip(err)
	}
	if uncertain := plan.Uncertain(); len(uncertain) > 0 {
		return Result{}, &skip{string(flows.CodeUncertain), "it is not known whether these steps happened: " + strings.Join(uncertain, ", ")}
	}
	s := queue.SubmissionOf(flow)
	r.Resume(&s, plan)
	result, err := e.start(ctx, o, flow, s, r.ID)
	if by, mine := e.resumedBy(ctx, o, err); mine {
		return Result{By: by}, nil
	}
	return result, resumeSkip(err)
}

// resumedBy reports whether err says that a run is continued by one that the operation has started before.
func (e *Executor) resumedBy(ctx context.Context, o *Operation, err error) (by string, mine bool) {
	var resumed *queue.ResumedError
	if !errors.As(err, &resumed) {
		return "", false
	}
	record, err := e.config.Queue.Record(ctx, resumed.By)
	return resumed.By, err == nil && record.RequestID == o.ID
}

// resumeSkip returns the skip for an error that says why a run is not continued.
func resumeSkip(err error) error {
	var resumed *queue.ResumedError
	var mistake *flows.ResumeError
	switch {
	case errors.As(err, &resumed):
		return &skip{"already_resumed", "the run is continued, or was begun anew, by " + resumed.By}
	case errors.As(err, &mistake) && mistake.Field == "version":
		return &skip{"version_differs", mistake.Message}
	case errors.As(err, &mistake), errors.Is(err, queue.ErrMoved):
		return &skip{"not_resumable", "the run has not ended, has succeeded, or is one of a poll"}
	}
	return gone(err)
}

// plan plans how a run is continued, with what about assumes of the steps that are uncertain in this run.
func (e *Executor) plan(ctx context.Context, about *About, r *queue.Record) (*flows.Flow, *flows.Resumption, error) {
	if err := r.Resumable(); err != nil {
		return nil, nil, err
	}
	earlier, err := e.version(ctx, r, "pinned")
	if err != nil {
		return nil, nil, err
	}
	flow := earlier
	if about.Version == "current" {
		if flow, err = e.version(ctx, r, about.Version); err != nil {
			return nil, nil, err
		}
	}
	journal, err := e.config.Queue.Journal(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	plan, err := r.PlanResume(flow, earlier, journal, flows.ResumeOptions{})
	if err != nil || len(about.Assume) == 0 {
		return flow, plan, err
	}
	assume := map[string]flows.Assumption{}
	for _, step := range plan.Uncertain() {
		if word := about.Assume[step]; word != "" {
			assume[step] = flows.Assumption{Done: word == "done"}
		}
	}
	plan, err = r.PlanResume(flow, earlier, journal, flows.ResumeOptions{Assume: assume})
	return flow, plan, err
}
