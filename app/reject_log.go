package app

import (
	"context"

	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/rejectlog"
)

// openRejectLog opens the log of rejected requests, which the console shows.
func (p *Program) openRejectLog(context.Context) (err error) {
	if p.rejectLog, err = rejectlog.New(rejectlog.Config{Redis: p.shared, Log: p.log}); err != nil {
		return err
	}
	p.add("reject log", p.rejectLog.Run)
	return nil
}

// openDeliveries opens the log of what arrives at webhooks, which the API and the console show, and workers
// copy to the history.
func (p *Program) openDeliveries(context.Context) (err error) {
	config := deliveries.Config{Redis: p.shared, Log: p.log, History: p.logHistory()}
	if p.deliveries, err = deliveries.New(config); err != nil || !p.role.API {
		return err
	}
	p.add("deliveries", p.deliveries.Run)
	return nil
}
