// Package imap has a connection, a step and a trigger for mailboxes of IMAP servers.
package imap

import (
	"cmp"
	"crypto/tls"
	"errors"
	"net"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/idlepool"
)

// Module returns the module.
func Module() flows.Module {
	return flows.Module{
		Kinds:       []flows.Kind{kind()},
		Connections: []flows.ConnectionType{connection()},
		Sources:     []flows.Source{source()},
	}
}

func connection() flows.ConnectionType {
	return flows.ConnectionType{
		Name: "imap", Summary: "Mailboxes of a mail server (IMAP).",
		Fields: append([]flows.ConnectionField{
			{Name: "host", Required: true, Summary: "Name or address of the server."},
			{Name: "port", Kind: flows.FieldNumber, Summary: "Port of the server; default: 993, or 143 for STARTTLS and `tls: none`."},
			{Name: "starttls", Kind: flows.FieldChoice, Choices: []string{"no", "yes"}, Default: "no", Summary: "`yes`: the connection changes to TLS before the login (STARTTLS). `no`: it begins with TLS."},
			{Name: "username", Required: true, Summary: "User name."},
			{Name: "password", Secret: true, Required: true, Summary: "Password, or the password for one application that the provider gives."},
		}, connect.TLSFields()...),
		Open: open,
	}
}

func open(s flows.ConnectionSettings) (flows.Client, error) {
	trust, err := connect.TLSConfig(s, s.Text["host"])
	if err != nil {
		return nil, err
	}
	c := &client{pool: idlepool.New[*conn](maxIdle, idleLimit), name: s.Connection, tls: trust, starttls: s.Text["starttls"] == "yes", user: s.Text["username"], password: s.Text["password"]}
	if trust == nil && c.starttls {
		return nil, errors.New("starttls needs `tls: verify`")
	}
	port := "993"
	if trust == nil || c.starttls {
		port = "143"
	}
	c.address = net.JoinHostPort(s.Text["host"], cmp.Or(s.Text["port"], port))
	return c, nil
}

// client is the configuration of a server, with connections that are logged in. It implements flows.Client.
type client struct {
	name           string // of the connection
	address        string
	tls            *tls.Config // nil: none
	starttls       bool
	user, password string

	pool *idlepool.Pool[*conn]
}
