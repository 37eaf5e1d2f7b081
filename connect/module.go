package connect

import (
	"crypto/tls"
	"fmt"

	"github.com/penstock/penstock/flows"
)

// client is a client of a module, with its users.
type client struct {
	flows.Client
	leases
}

// moduleType returns a module's type of connections.
func moduleType(t flows.ConnectionType) Type {
	return Type{Name: t.Name, Summary: t.Summary, Fields: t.Fields, open: func(_ *Resolver, s settings) (any, error) {
		made, err := t.Open(flows.ConnectionSettings{Connection: s.conn.Name, Text: s.text})
		if err != nil {
			return nil, err
		}
		return &client{Client: made}, nil
	}}
}

// TLSFields are the settings of TLS, for modules: TLSConfig reads them.
func TLSFields() []Field {
	return []Field{
		{Name: "tls", Kind: FieldChoice, Choices: []string{"verify", "none"}, Default: "verify", Summary: "`verify` the server's certificate, or `none` for no TLS in a trusted network."},
		{Name: "ca", Kind: FieldLines, Summary: "PEM certificates of the trusted authorities, instead of the system's."},
	}
}

// TLSConfig returns the TLS settings of a connection of a module, for a server with that name; empty: the client sets it.
// nil without an error: `tls: none`.
func TLSConfig(s flows.ConnectionSettings, server string) (*tls.Config, error) {
	config, err := tlsConfig(settings{text: s.Text})
	if config != nil {
		config.ServerName = server
	}
	return config, err
}

// Failure is a failure of a connection of a module that a retry does not change.
func Failure(connection, format string, args ...any) *flows.Error {
	return failure(connection, "%s", fmt.Sprintf(format, args...))
}

// Unreachable is the failure of contacting the server of a connection. It describes known causes only: errors of libraries
// may contain hosts, users and more.
func Unreachable(connection, server string, err error) *flows.Error {
	return unreachable(connection, server, err)
}
