package app

import (
	"context"

	"github.com/penstock/penstock/internal/rejectlog"
)

// openRefusals keeps what the door refuses, for the console to show.
func (p *Program) openRefusals(context.Context) (err error) {
	client := p.shared
	if p.refusals, err = rejectlog.New(rejectlog.Config{Redis: client, Log: p.log}); err != nil {
		return err
	}
	p.add("refusals", p.refusals.Run)
	return nil
}
