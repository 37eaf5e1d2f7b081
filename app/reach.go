package app

import (
	"cmp"

	"penstock/internal/callback"
	"penstock/internal/state"
	"penstock/worker"
)

// openCallbacks makes what signs the addresses at which runs are called.
func (p *Program) openCallbacks(masterKeys [][]byte) (err error) {
	p.callbacks, err = callback.New(cmp.Or(p.settings.Issuer, p.url), masterKeys)
	return err
}

// reach gives runs what outlasts them: values, other flows, callbacks.
func (p *Program) reach(cfg *worker.Config) {
	client := p.redis.Client()
	p.onClose(client.Close)
	kept := state.New(client)
	cfg.Env.State, cfg.Env.Pace, cfg.Env.Flows = kept, kept, p.store.Flows()
	cfg.Starter, cfg.Callbacks = p.client, p.callbacks
}
