package app

import (
	"context"

	"github.com/penstock/penstock/auth/clientusage"
	"github.com/penstock/penstock/auth/keyusage"
	"github.com/penstock/penstock/internal/lastuse"
)

// openKeyUsage opens the counters of calls by secret for keys that have two secrets. The API and the console show
// them.
func (p *Program) openKeyUsage(context.Context) (err error) {
	if p.keyUsage, err = keyusage.New(keyusage.Config{Redis: p.shared, Log: p.log}); err != nil {
		return err
	}
	p.add("key usage", p.keyUsage.Run)
	return nil
}

// openClientUsage opens the counters of calls by API clients. The developer portal shows them.
func (p *Program) openClientUsage(context.Context) (err error) {
	if p.clientUsage, err = clientusage.New(clientusage.Config{Redis: p.shared, Log: p.log}); err != nil {
		return err
	}
	p.add("client usage", p.clientUsage.Run)
	return nil
}

// openLastUse opens the record of when credentials and connections were used last. The console shows it.
func (p *Program) openLastUse(context.Context) (err error) {
	if p.lastUse, err = lastuse.New(lastuse.Config{Redis: p.shared, Log: p.log}); err != nil {
		return err
	}
	p.add("last use", p.lastUse.Run)
	return nil
}
