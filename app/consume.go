package app

import (
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/worker/consume"
)

// openConsumers receives the messages of flows, together with the other workers. Without modules there is nothing to receive.
func (p *Program) openConsumers(worker string, connections flows.Connections) error {
	if len(p.kinds.Sources()) == 0 {
		return nil
	}
	config := consume.Config{Redis: p.shared, Log: p.log, ID: worker, Flows: p.store.Flows(), Connections: connections, Runs: p.client}
	if p.metrics != nil { // not an interface with a nil pointer
		config.Meter = p.metrics
	}
	c, err := consume.New(config)
	if err != nil {
		return err
	}
	p.add("consumers", c.Run)
	return nil
}
