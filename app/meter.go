package app

import (
	"context"

	"github.com/penstock/penstock/auth/keyusage"
)

// openMeter counts which secret calls are signed with while a key has two, for
// the console and the API to show.
func (p *Program) openMeter(context.Context) (err error) {
	client := p.shared
	if p.meter, err = keyusage.New(keyusage.Config{Redis: client, Log: p.log}); err != nil {
		return err
	}
	p.add("rotation meter", p.meter.Run)
	return nil
}
