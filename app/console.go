package app

import (
	"context"
	"net/http"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console"
)

// openConsole opens the web console.
func (p *Program) openConsole(context.Context) error {
	p.connections = p.askWorkers()
	signOn, err := p.openSignOn()
	if err != nil {
		return err
	}
	p.console, err = console.New(console.Config{
		Store:       p.store,
		Queue:       p.client,
		Operations:  p.operations,
		Redis:       p.shared,
		Catalogue:   p.kinds,
		Hasher:      p.hasher,
		Authority:   p.authority,
		RejectLog:   p.rejectLog,
		Deliveries:  p.deliveries,
		KeyUsage:    p.keyUsage,
		Webhooks:    p.webhooks,
		Rehearser:   p.rehearser,
		Failures:    p.failures,
		History:     p.historyPinger(),
		Stats:       p.stats(),
		AdminUser:   p.settings.AdminUser,
		Dev:         p.role.Dev,
		MaxBody:     p.settings.MaxBody,
		ClientUsage: p.clientUsage,
		LastUse:     p.lastUse,
		RateIP:      p.settings.RateIP,
		RateClient:  p.settings.RateCredential,
		Log:         p.log,
		Connections: p.connections,
		Redeem:      p.connections.Redeem,
		Files:       p.files,
		SignOn:      signOn,
		Issuer:      p.settings.Issuer,
		Call:        func(w http.ResponseWriter, r *http.Request, who *auth.Principal) { p.handler.ServeAs(w, r, who) },
	})
	return err
}
