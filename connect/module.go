package connect

import (
	"crypto/tls"
	"fmt"

	"github.com/penstock/penstock/connect/internal/database"
	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/flows"
)

// client is a client of a module, with its users.
type client struct {
	flows.Client
	server.Leases
}

// moduleType returns a module's type of connections.
func moduleType(t flows.ConnectionType) Type {
	return Type{Name: t.Name, Summary: t.Summary, Fields: t.Fields, open: func(_ *Resolver, s settings) (any, error) {
		made, err := t.Open(s.ConnectionSettings)
		if err != nil {
			return nil, err
		}
		return &client{Client: made}, nil
	}}
}

// serverType returns a type of connections with servers that steps of the core use.
func serverType(t flows.ConnectionType) Type {
	return Type{Name: t.Name, Summary: t.Summary, Fields: t.Fields, open: func(_ *Resolver, s settings) (any, error) {
		return t.Open(s.ConnectionSettings)
	}}
}

// sqliteType returns the type of connections with files of the process.
func sqliteType() Type {
	of := func(r *Resolver) flows.ConnectionType { return database.SQLite(r.config.SQLiteDir, r.sqliteSlots) }
	t := of(new(Resolver))
	return Type{Name: t.Name, Summary: t.Summary, Fields: t.Fields, open: func(r *Resolver, s settings) (any, error) {
		return of(r).Open(s.ConnectionSettings)
	}}
}

// TLSFields are the settings of TLS, for modules: TLSConfig reads them.
func TLSFields() []Field { return server.TLSFields() }

// TLSConfig returns the TLS settings of a connection of a module, for a server with that name; empty: the client sets it.
// nil without an error: `tls: none`.
func TLSConfig(s flows.ConnectionSettings, host string) (*tls.Config, error) {
	config, err := server.TLSConfig(s)
	if config != nil {
		config.ServerName = host
	}
	return config, err
}

// Failure is a failure of a connection of a module that a retry does not change.
func Failure(connection, format string, args ...any) *flows.Error {
	return server.Failure(connection, "%s", fmt.Sprintf(format, args...))
}

// Unreachable is the failure of contacting the server of a connection. It describes known causes only: errors of libraries
// may contain hosts, users and more.
func Unreachable(connection, what string, err error) *flows.Error {
	return server.Unreachable(connection, what, err)
}
