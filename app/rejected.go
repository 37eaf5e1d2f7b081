package app

import (
	"context"

	"github.com/penstock/penstock/internal/refusals"
)

// openRefusals opens the log of rejected requests, which the console shows.
func (p *Program) openRefusals(context.Context) (err error) {
	if p.refusals, err = refusals.New(refusals.Config{Redis: p.shared, Log: p.log}); err != nil {
		return err
	}
	p.add("refusals", p.refusals.Run)
	return nil
}
