package app

import "github.com/penstock/penstock/worker/canary"

// keepCanaries makes this process apply the rules of canaries, together with the other workers.
func (p *Program) keepCanaries() error {
	k, err := canary.New(canary.Config{Redis: p.shared, Log: p.log, Store: p.store, Runs: p.client})
	if err != nil {
		return err
	}
	p.add("canaries", k.Run)
	return nil
}
