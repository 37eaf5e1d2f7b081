package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/store"
	"github.com/penstock/penstock/worker"
	"github.com/penstock/penstock/worker/alert"
	"github.com/penstock/penstock/worker/schedule"
)

// openFailures opens the groups of failed runs.
func (p *Program) openFailures(context.Context) error {
	p.failures = failure.New(p.shared, nil).Counting(alert.OpenRuns(p.client))
	return nil
}

// handleFailures makes the worker handle runs that fail, and send alerts together with the other workers.
func (p *Program) handleFailures(cfg *worker.Config) error {
	h, err := alert.New(alert.Config{
		Redis: p.shared, Log: p.log, ID: uuid.NewString(), Runs: p.client, Flows: p.store.Flows(), Failures: p.failures,
		Expiries: func(ctx context.Context) ([]store.Expiry, error) { return connect.Expiries(ctx, p.store) }, Issuer: p.settings.Issuer,
	})
	if err != nil {
		return err
	}
	cfg.Failed = h.Handle
	cfg.Found = func(ctx context.Context, flow int64) error {
		return schedule.RecordFind(ctx, p.shared, flow, time.Now())
	}
	p.add("alerts", h.Run)
	return nil
}
