package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// runner executes attempts.
type runner struct {
	cfg    Config
	log    *slog.Logger
	worker string // id of the worker
}

// handle is the queue's handler: it executes one attempt, returns its outcome and logs one line.
func (r *runner) handle(ctx context.Context, a *queue.Attempt) (o queue.Outcome) {
	start := time.Now()
	steps := &record{attempt: a, began: start}
	a.Report(steps)
	ctx, trace, end := r.observe(ctx, a, steps)
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("run panicked", "run_id", a.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			o = failed(&flows.Error{Code: flows.CodeInternal, Message: "the engine failed; the operator's log says why"})
		}
		r.continueRecord(ctx, a, steps, &o)
		o.Steps = steps.encode()
		end(o)
		took, outcome := time.Since(start), o
		o.After = func() { r.logRun(ctx, a, outcome, took) } // the caller does not wait for the log
	}()
	return r.execute(ctx, a, steps, trace)
}

func (r *runner) execute(ctx context.Context, a *queue.Attempt, steps *record, trace flows.Tracer) queue.Outcome {
	if !r.ready() {
		return queue.Outcome{State: queue.Queued}
	}
	if o := r.parkIfPaused(ctx, a); o != nil {
		return *o
	}
	flow, err := r.version(ctx, a)
	if err != nil {
		return r.outcome(ctx, nil, nil, err)
	}
	if flow.RecordItems {
		steps.enableItems()
	}
	attempt := ctx
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	account := r.cfg.Memory.Open(0, cancel)
	defer account.Close()
	event, settle, err := decodeEvent(running, account, a.Event)
	defer settle()
	if err != nil {
		return failed(eventError(account, err))
	}
	origin := a.Origin
	if a.Number > 1 { // its journal may be that of a try that failed
		origin = a.FilesOf()
	}
	run := flows.Run{
		ID: a.ID, Origin: origin, Attempt: a.Number, Principal: a.Principal, Event: event,
		Params: a.Params, Headers: a.Headers, Deadline: a.Deadline,
	}
	if run.Failure, err = a.HandledFailure(); err != nil {
		return r.outcome(ctx, nil, nil, err)
	}
	if run.Failure == nil { // on_failure has no part in the flow's concurrency limit
		if o := r.enterLimits(ctx, a, flow, run); o != nil {
			retried := r.retry(ctx, a, flow, *o)
			steps.wait = waitOf(&retried, nil)
			return retried
		}
	}
	env := r.runEnv(a, trace, giveUp)
	env.Memory = account
	output, err := flow.Execute(running, run, env)
	if errors.Is(context.Cause(ctx), errMissingKey) { // whatever the flow made of the error
		return queue.Outcome{State: queue.Queued}
	}
	if errors.Is(context.Cause(ctx), errTooNew) {
		select {
		case <-attempt.Done():
			return r.outcome(attempt, account, nil, context.Cause(attempt))
		case <-time.After(tooNewPause):
			return queue.Outcome{State: queue.Queued}
		}
	}
	o := r.outcome(ctx, account, output, err)
	if parked := new(flows.Parked); o.State == queue.Waiting && errors.As(err, &parked) {
		r.observeParked(a, parked.Kind)
		o.Bound = flow.CancelWithCaller && a.Sync && !flow.Responds()
	}
	if run.Failure == nil && o.State == queue.Succeeded && len(output) > 0 {
		r.recordFind(ctx, a, flow)
	}
	if run.Failure == nil { // run.retry is for the steps of the flow
		o = r.retry(ctx, a, flow, o)
	}
	steps.wait = waitOf(&o, err)
	return o
}

// recordFind records that a run has found something, if a poll has started it. It costs other runs nothing.
func (r *runner) recordFind(ctx context.Context, a *queue.Attempt, flow *flows.Flow) {
	if r.cfg.Found == nil || flow.Schedule == nil || !flow.Schedule.Poll || a.Principal != "" {
		return
	}
	if err := r.cfg.Found(ctx, a.Flow); err != nil {
		r.log.Warn("what a poll found is not recorded", "run_id", a.ID, "flow", a.Flow, "error", err)
	}
}

// version finds the pinned flow version. While Redis is unavailable it waits.
func (r *runner) version(ctx context.Context, a *queue.Attempt) (*flows.Flow, error) {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		flow, err := r.cfg.Versions.Version(ctx, a.Flow, a.Version)
		if err == nil {
			return flow, nil
		}
		if final := permanentError(err); final != nil {
			return nil, final
		}
		r.log.Warn("find flow version", "run_id", a.ID, "flow", a.Flow, "error", err)
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("find flow version: %w", err)
		case <-time.After(wait):
		}
	}
}

// permanentError returns the error of a version that can never be found here; nil for a temporary fault.
func permanentError(err error) error {
	var known *flows.Error
	var problems problem.List
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, store.ErrNotFound):
		return &flows.Error{Code: flows.CodeInternal, Message: "the flow version that this run was accepted with is not stored any more"}
	case errors.As(err, &problems):
		return &flows.Error{Code: flows.CodeInternal, Message: "this worker is too old for the flow version that this run was accepted with"}
	}
	return nil
}

// outcome converts the result of an execution, and the cause of the end of its context, to the outcome of the
// attempt.
func (r *runner) outcome(ctx context.Context, account *budget.Account, output []any, err error) queue.Outcome {
	if err == nil {
		if output == nil {
			output = []any{}
		}
		var content []byte
		if content, err = encodeOutput(ctx, account, output); err == nil {
			return queue.Outcome{State: queue.Succeeded, Output: content}
		}
	}
	var parked *flows.Parked
	if errors.As(err, &parked) {
		return queue.Outcome{State: queue.Waiting, Wake: parked.Wake}
	}
	var known *flows.Error
	if !errors.As(err, &known) {
		known = &flows.Error{Code: flows.CodeInternal, Message: err.Error()}
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.DeadlineExceeded), known.Code == flows.CodeTimeout && known.Step == "":
		return queue.Outcome{State: queue.TimedOut, Error: &flows.Error{
			Code: flows.CodeTimeout, Message: "the run reached its execution limit", Step: known.Step,
		}}
	case cause != nil:
		return queue.Outcome{State: queue.Cancelled, Error: &flows.Error{Code: flows.CodeCancelled, Message: "the run was cancelled"}}
	}
	return failed(known)
}

func failed(err *flows.Error) queue.Outcome {
	return queue.Outcome{State: queue.Failed, Error: err}
}

// logRun writes the one log line of an attempt. It contains no items, which may be confidential.
func (r *runner) logRun(ctx context.Context, a *queue.Attempt, o queue.Outcome, took time.Duration) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("run_id", a.ID), slog.Int64("flow", a.Flow), slog.Int("attempt", a.Number),
		slog.String("state", string(o.State)), slog.Float64("queued_ms", milliseconds(a.Times.Started.Sub(a.Times.Accepted))),
		slog.Float64("took_ms", milliseconds(took)), slog.Int("output_bytes", len(o.Output)),
	}
	if o.Error != nil {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("code", string(o.Error.Code)), slog.String("step", o.Error.Step))
	}
	r.log.LogAttrs(ctx, level, "run", attrs...)
}

// milliseconds returns a duration for log lines, with microsecond precision.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
