package app

import (
	"context"

	"github.com/penstock/penstock/internal/webhook"
	"github.com/penstock/penstock/worker"
)

// openWebhooks opens the store of the webhooks that flows send. They go to http:// URLs only where steps may reach
// private networks, and in dev.
func (p *Program) openWebhooks(context.Context) (err error) {
	p.webhooks, err = webhook.New(webhook.Config{Redis: p.shared, AllowHTTP: p.settings.AllowPrivate || p.role.Dev})
	return err
}

// setSender makes the worker accept webhooks, and send them unless the settings say that others do. cfg has the
// transport and the secrets of its steps.
func (p *Program) setSender(cfg *worker.Config) (err error) {
	cfg.Webhooks = p.webhooks
	if p.settings.Webhooks == 0 {
		return nil
	}
	sender := webhook.SenderConfig{Store: p.webhooks, HTTP: cfg.Env.HTTP, Secrets: cfg.Env.Secrets, Log: p.log, Slots: p.settings.Webhooks}
	if p.metrics != nil {
		sender.Meter = p.metrics
	}
	cfg.Sender, err = webhook.NewSender(sender)
	return err
}
