package app

import (
	"context"
	"fmt"
	"os"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/connect/probe"
)

// askWorkers returns what lets workers contact the servers of connections for this front door.
func (p *Program) askWorkers() *probe.Client {
	return probe.NewClient(p.shared, p.store, func(ctx context.Context) (int, error) {
		loads, err := p.client.Loads(ctx)
		live := 0
		for i := range loads {
			if !loads[i].Lost {
				live++
			}
		}
		return live, err
	})
}

// answerProbes lets this worker contact the servers of connections for front doors.
func (p *Program) answerProbes(connections *connect.Resolver) {
	host, _ := os.Hostname()
	p.add("probes", probe.NewServer(probe.ServerConfig{
		Redis: p.shared, Sealer: p.store, Resolver: connections, Connections: p.store.Connections(), Worker: fmt.Sprintf("%s/%d", host, os.Getpid()), Log: p.log,
	}).Run)
}
