package app

import (
	"context"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/outbound"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/worker"
)

// openWorker starts the worker and, in dev before it, the demo CRM.
func (p *Program) openWorker(ctx context.Context) error {
	if p.role.Dev {
		if err := p.openCRM(ctx); err != nil {
			return err
		}
	}
	transport, err := outbound.New(outbound.Config{
		AllowPrivate:  p.settings.AllowPrivate,
		AllowLoopback: p.role.Dev, // for the demo CRM and services under development
	})
	if err != nil {
		return err
	}
	p.onClose(func() error { transport.CloseIdleConnections(); return nil })
	cfg := worker.Config{
		Redis:     p.redis,
		Log:       p.log,
		Versions:  p.store.Flows(),
		TooNew:    p.store.Flows().TooNew,
		Paused:    p.store.Flows().Paused,
		Ready:     p.store.Ready,
		Queues:    p.settings.Queues,
		Shards:    queue.Shards(p.settings.Shards),
		Slots:     p.settings.Concurrency,
		Spare:     p.settings.Spare,
		Shares:    p.settings.Shares,
		Memory:    p.memory,
		Env:       flows.Env{HTTP: transport, VarSubstitutions: map[string]string{exampleCRMURL: p.crm}, SubstitutesIn: p.isExample},
		Block:     p.block,
		Retention: p.redisRetention(),
		History:   p.history != nil,
	}
	if err := p.setRunEnv(&cfg); err != nil {
		return err
	}
	if err := p.setSender(&cfg); err != nil {
		return err
	}
	if err := p.handleFailures(&cfg); err != nil {
		return err
	}
	if err := p.keepCanaries(); err != nil {
		return err
	}
	p.observeWorker(&cfg)
	w, err := worker.New(cfg)
	if err != nil {
		return err
	}
	p.onClose(w.Close)
	p.exportSlots(w)
	p.add("worker", w.Run)
	p.add("files", p.sweepFiles)
	p.add("operations", p.operations.Run)
	p.keepHistory(w.ID())
	if err := p.openConsumers(w.ID(), cfg.Env.Connections); err != nil {
		return err
	}
	return p.openSchedule(w.ID())
}
