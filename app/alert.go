package app

import (
	"context"

	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/worker"
	"github.com/penstock/penstock/worker/alert"
)

// openFailures opens the groups of failed runs.
func (p *Program) openFailures(context.Context) error {
	p.failures = failure.New(p.shared, nil)
	return nil
}

// handleFailures makes the worker handle runs that fail.
func (p *Program) handleFailures(cfg *worker.Config) error {
	h, err := alert.New(alert.Config{Log: p.log, Runs: p.client, Versions: p.store.Flows(), Failures: p.failures})
	if err != nil {
		return err
	}
	cfg.Failed = h.Handle
	return nil
}
