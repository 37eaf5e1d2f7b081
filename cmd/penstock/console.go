package main

import (
	"context"

	"penstock/api/console"
	"penstock/flows/steps"
	"penstock/internal/limits"
)

// openConsole opens the web console.
func (p *Program) openConsole(context.Context) (err error) {
	client := p.redis.Client()
	p.onClose(client.Close)
	p.console, err = console.New(console.Config{
		Store:     p.store,
		Queue:     p.client,
		Redis:     client,
		Catalogue: steps.Catalogue(),
		Hasher:    p.hasher,
		Backoff:   limits.NewBackoff(client),
		Log:       p.log,
		Issuer:    p.settings.Issuer,
	})
	return err
}
