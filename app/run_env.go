package app

import (
	"cmp"
	"context"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/state"
	"github.com/penstock/penstock/internal/callback"
	"github.com/penstock/penstock/topic"
	"github.com/penstock/penstock/worker"
)

// openCallbacks creates the signer of callback URLs.
func (p *Program) openCallbacks(masterKeys [][]byte) (err error) {
	if p.callbacks, err = callback.New(cmp.Or(p.settings.Issuer, p.url), masterKeys); err != nil {
		return err
	}
	p.callbacks.SignWith(p.store.MasterKey)
	return nil
}

// topics returns the topics of events.
func (p *Program) topics() *topic.Topics {
	return topic.New(topic.Config{Redis: p.shared, Subscribers: p.store.Flows(), Runs: p.client})
}

// publish publishes an event for a caller of the API.
func (p *Program) publish(ctx context.Context, principal string, event flows.Publication) (flows.Published, error) {
	return p.topics().PublishOnce(ctx, worker.Emitter{Starter: p.client, Flows: p.store.Flows(), TooNew: p.store.Flows().TooNew, Principal: principal, Depth: -1}, event)
}

// setRunEnv sets what runs can use: connections, secrets, script processes, stored values, other flows and callbacks.
func (p *Program) setRunEnv(cfg *worker.Config) error {
	connections, err := connect.New(connect.Config{Store: p.store, HTTP: cfg.Env.HTTP, Log: p.log, SQLiteDir: p.settings.SQLite, Used: p.lastUse.Note})
	if err != nil {
		return err
	}
	p.onClose(connections.Close)
	cfg.Env.Connections, cfg.Env.Secrets = connections, connections
	p.answerProbes(connections)
	scripts, err := newScripts()
	if err != nil {
		return err
	}
	p.onClose(scripts.Close)
	cfg.Env.Scripts = scripts
	values := state.New(p.shared)
	cfg.Env.State, cfg.Env.Pace, cfg.Env.Flows = values, values, p.store.Flows()
	cfg.Env.Files, cfg.Vars = p.files, p.store.Vars().Values
	cfg.Starter, cfg.Callbacks, cfg.Topics = p.client, p.callbacks, p.topics()
	return nil
}
