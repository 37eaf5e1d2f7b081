package alert

import (
	"cmp"
	"context"

	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/queue"
)

// Handle does what follows when runs have failed, given by their ids: it adds them to their failures. It is
// worker.Config.Failed: handling a run again has no further effect.
func (h *Handler) Handle(ctx context.Context, ids []string) error {
	records, err := h.config.Runs.Brief(ctx, ids)
	if err != nil {
		return err
	}
	runs := make([]failure.Run, len(records))
	for i := range records {
		runs[i] = failedRun(&records[i])
	}
	_, err = h.config.Failures.Record(ctx, runs)
	return err
}

func failedRun(r *queue.Record) failure.Run {
	run := failure.Run{ID: r.ID, Flow: r.Flow, Code: string(r.State), Ended: cmp.Or(r.Times.Finished, r.Times.Accepted, r.Spec.Accepted)}
	if r.Error != nil {
		run.Step, run.Code, run.Message = r.Error.Step, string(r.Error.Code), r.Error.Message
	}
	return run
}
