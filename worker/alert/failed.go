package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// maxChain is the number of runs that start each other from which on no run handles a failure.
const maxChain = 32

// Handle does what follows when runs have failed, given by their ids: it adds them to their failures, notes alerts, and starts
// the runs of on_failure. It is worker.Config.Failed: handling a run again has no further effect.
func (h *Handler) Handle(ctx context.Context, ids []string) error {
	records, err := h.config.Runs.Brief(ctx, ids)
	if err != nil {
		return err
	}
	runs := make([]failure.Run, len(records))
	for i := range records {
		runs[i] = failedRun(&records[i])
	}
	events, err := h.config.Failures.Record(ctx, runs)
	if err != nil {
		return err
	}
	var failed []error
	for _, r := range h.rules() {
		failed = append(failed, h.note(ctx, &r, h.occurrences(&r, events)))
	}
	for i := range records {
		if err := h.startOnFailure(ctx, &records[i]); err != nil {
			failed = append(failed, fmt.Errorf("start on_failure of run %s: %w", records[i].ID, err))
		}
	}
	return errors.Join(failed...)
}

// occurrences returns the alerts of a rule about runs that have failed.
func (h *Handler) occurrences(r *rule, events []failure.Event) (all []occurrence) {
	for i := range events {
		e := &events[i]
		if e.Kind == failure.KindKnown && e.Run.Code != string(flows.CodeUncertain) || !r.covers(e.Run.Flow) || h.isRule(e.Run.Flow) {
			continue // as nearly all of a burst
		}
		for kind, text := range map[flows.AlertKind]string{
			flows.AlertNewFailure:   "%s fails in a way that was not seen before%s: %s",
			flows.AlertFailureAgain: "%s fails again%s, after that was resolved: %s",
			flows.AlertUncertain:    "It is not known whether an effect of %s happened%s: %s",
		} {
			if !r.Alert.Has(kind) || !happened(kind, e) {
				continue
			}
			a, at := h.about(e.Run.Flow), ""
			if e.Run.Step != "" {
				at = " at " + e.Run.Step
			}
			a.Kind, a.State, a.Key, a.At = kind, firing, string(kind)+" "+e.Failure, e.Run.Ended.UTC()
			a.Text = fmt.Sprintf(text, a.Name, at, failure.Pattern(e.Run.Message))
			a.Failure, a.Step, a.Code, a.Message, a.Run = e.Failure, e.Run.Step, e.Run.Code, failure.Pattern(e.Run.Message), e.Run.ID
			all = append(all, occurrence{a, e.Run.ID})
		}
	}
	return all
}

// happened reports whether a failed run is an alert of a kind.
func happened(kind flows.AlertKind, e *failure.Event) bool {
	switch kind {
	case flows.AlertNewFailure:
		return e.Kind == failure.KindNew
	case flows.AlertFailureAgain:
		return e.Kind == failure.KindAgain
	}
	return e.Run.Code == string(flows.CodeUncertain) && e.State != failure.Muted
}

func failedRun(r *queue.Record) failure.Run {
	run := failure.Run{ID: r.ID, Flow: r.Flow, Code: string(r.State), Ended: cmp.Or(r.Times.Finished, r.AcceptedAt())}
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
	flow, err := h.config.Flows.Version(ctx, brief.Flow, brief.Version)
	var problems problem.List
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
