package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock/penstock/queue/rehearsal"
	"github.com/penstock/penstock/store"
)

// openRehearser opens what rehearses versions of flows on recorded runs. Scripts are evaluated in processes of their own,
// which are started on demand.
func (p *Program) openRehearser(context.Context) error {
	scripts, err := newScripts()
	if err != nil {
		return err
	}
	p.onClose(scripts.Close)
	p.rehearser, err = rehearsal.New(rehearsal.Config{
		Runs: p.client, Flows: p.store.Flows(), Scripts: scripts, Memory: p.memory, Connection: p.connectionType, Vars: p.store.Vars().Values,
	})
	return err
}

// connectionType returns the type of a connection.
func (p *Program) connectionType(ctx context.Context, name string) (string, error) {
	c, err := p.store.Connections().Connection(ctx, name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "", fmt.Errorf("there is no connection %q", name)
	case err != nil:
		return "", fmt.Errorf("the connection %q cannot be read now", name)
	}
	return c.Type, nil
}
