package app

import (
	"cmp"
	"context"

	"github.com/penstock/penstock/auth/reminder"
	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/internal/outbound"
)

// openReminder sends e-mails before assertions expire, if the settings name a mail connection.
func (p *Program) openReminder(context.Context) error {
	if p.settings.ReminderMail == "" {
		return nil
	}
	transport, err := outbound.New(outbound.Config{AllowPrivate: p.settings.AllowPrivate, AllowLoopback: p.role.Dev})
	if err != nil {
		return err
	}
	p.onClose(func() error { transport.CloseIdleConnections(); return nil })
	mail, err := connect.New(connect.Config{Store: p.store, HTTP: transport, Log: p.log})
	if err != nil {
		return err
	}
	p.onClose(mail.Close)
	r, err := reminder.New(reminder.Config{
		Redis: p.shared, Clients: p.store.Clients(), Mail: mail, Connection: p.settings.ReminderMail,
		Issuer: cmp.Or(p.settings.Issuer, p.url), Log: p.log,
	})
	if err != nil {
		return err
	}
	p.add("reminders", r.Run)
	return nil
}
