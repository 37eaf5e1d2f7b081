// Package server is what the connections with servers have in common: databases, mail servers, file servers.
package server

import (
	"time"

	"github.com/penstock/penstock/flows"
)

const (
	// DialLimit is the maximum duration of connecting to a server and logging in.
	DialLimit = 10 * time.Second
	// IdleLife is how long an unused network connection is kept; MaxLife how long any is, so that a failover or a new address
	// takes effect.
	IdleLife = 5 * time.Minute
	MaxLife  = 30 * time.Minute
)

// MaxConnections is the setting max_connections of pools.
func MaxConnections() flows.ConnectionField {
	return flows.ConnectionField{Name: "max_connections", Kind: flows.FieldNumber, Default: "10", Summary: "Maximum number of connections per worker."}
}
