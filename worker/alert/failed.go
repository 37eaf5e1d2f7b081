package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// maxChain is the number of runs that start each other from which on no run handles a failure.
const maxChain = 32

// Handle does what follows when runs have failed, given by their ids: it adds them to their failures, and starts the runs of
// on_failure. It is worker.Config.Failed: handling a run again has no further effect.
func (h *Handler) Handle(ctx context.Context, ids []string) error {
	records, err := h.config.Runs.Brief(ctx, ids)
	if err != nil {
		return err
	}
	runs := make([]failure.Run, len(records))
	for i := range records {
		runs[i] = failedRun(&records[i])
	}
	if _, err = h.config.Failures.Record(ctx, runs); err != nil {
		return err
	}
	var failed []error
	for i := range records {
		if err := h.startOnFailure(ctx, &records[i]); err != nil {
			failed = append(failed, fmt.Errorf("start on_failure of run %s: %w", records[i].ID, err))
		}
	}
	return errors.Join(failed...)
}

func failedRun(r *queue.Record) failure.Run {
	run := failure.Run{ID: r.ID, Flow: r.Flow, Code: string(r.State), Ended: cmp.Or(r.Times.Finished, r.Times.Accepted, r.Spec.Accepted)}
	if r.Error != nil {
		run.Step, run.Code, run.Message = r.Error.Step, string(r.Error.Code), r.Error.Message
	}
	return run
}

// startOnFailure starts the run that handles the failure of a run, if its version says so. A run that handles a failure has
// none itself.
func (h *Handler) startOnFailure(ctx context.Context, brief *queue.Record) error {
	if brief.FailureOf != "" || brief.FailureRun != "" || brief.Depth >= maxChain {
		return nil
	}
	flow, err := h.config.Versions.Version(ctx, brief.Flow, brief.Version)
	var problems flows.Problems
	switch {
	case errors.Is(err, store.ErrNotFound) || errors.As(err, &problems): // the run has failed for that
		return nil
	case err != nil:
		return err
	case flow.OnFailure == nil:
		return nil
	}
	failed, err := h.config.Runs.Record(ctx, brief.ID) // with its event
	if errors.Is(err, queue.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	sub, err := queue.FailureSubmission(flow, &failed)
	if err != nil {
		return err
	}
	run, err := h.config.Runs.Start(ctx, sub, time.Time{})
	var ran *queue.RanError
	switch {
	case errors.As(err, &ran):
		return nil
	case err != nil:
		return err
	}
	return h.config.Runs.SetFailureRun(ctx, &failed, run)
}
