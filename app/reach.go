package app

import (
	"cmp"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows/state"
	"github.com/penstock/penstock/internal/callback"
	"github.com/penstock/penstock/worker"
)

// openCallbacks makes what signs the addresses at which runs are called.
func (p *Program) openCallbacks(masterKeys [][]byte) (err error) {
	if p.callbacks, err = callback.New(cmp.Or(p.settings.Issuer, p.url), masterKeys); err != nil {
		return err
	}
	p.callbacks.SignWith(p.store.MasterKey)
	return nil
}

// reach gives runs what is theirs to use: connections and secrets, processes
// for scripts, and what outlasts a run: values, other flows, callbacks.
func (p *Program) reach(cfg *worker.Config) error {
	connections, err := connect.New(connect.Config{Store: p.store, HTTP: cfg.Env.HTTP, Log: p.log, SQLiteDir: p.settings.SQLite})
	if err != nil {
		return err
	}
	p.onClose(connections.Close)
	cfg.Env.Connections, cfg.Env.Secrets = connections, connections
	scripts, err := newScripts()
	if err != nil {
		return err
	}
	p.onClose(scripts.Close)
	cfg.Env.Scripts = scripts
	client := p.shared
	kept := state.New(client)
	cfg.Env.State, cfg.Env.Pace, cfg.Env.Flows = kept, kept, p.store.Flows()
	cfg.Starter, cfg.Callbacks = p.client, p.callbacks
	return nil
}
