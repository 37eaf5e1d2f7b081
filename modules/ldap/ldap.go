// Package ldap has a connection and a step for directories that speak LDAP, such as OpenLDAP and Active Directory.
package ldap

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
	return flows.Module{Kinds: []flows.Kind{kind()}, Connections: []flows.ConnectionType{connection()}}
}

func connection() flows.ConnectionType {
	return flows.ConnectionType{
		Name: "ldap", Summary: "A directory that speaks LDAP, such as OpenLDAP or Active Directory.",
		Fields: append([]flows.ConnectionField{
			{Name: "host", Required: true, Summary: "Name or address of the server."},
			{Name: "port", Kind: flows.FieldNumber, Summary: "Port of the server; default: 636, or 389 for StartTLS and `tls: none`."},
			{Name: "starttls", Kind: flows.FieldChoice, Choices: []string{"no", "yes"}, Default: "no", Summary: "`yes`: the connection changes to TLS before the login (StartTLS). `no`: it begins with TLS (ldaps)."},
			{Name: "bind_dn", Summary: "Distinguished name of the login, or another name that the server takes; default: no login."},
			{Name: "password", Secret: true, Summary: "Password of the login."},
		}, connect.TLSFields()...),
		Open: open,
	}
}

func open(s flows.ConnectionSettings) (flows.Client, error) {
	trust, err := connect.TLSConfig(s, s.Text["host"])
	if err != nil {
		return nil, err
	}
	c := &client{pool: idlepool.New[*conn](maxIdle, idleLimit), name: s.Connection, tls: trust, starttls: s.Text["starttls"] == "yes", user: s.Text["bind_dn"], password: s.Text["password"]}
	switch {
	case trust == nil && c.starttls:
		return nil, errors.New("starttls needs `tls: verify`")
	case (c.user == "") != (c.password == ""):
		return nil, errors.New("a login needs bind_dn and password") // a name without a password is an anonymous login, RFC 4513, section 5.1.2
	}
	port := "636"
	if trust == nil || c.starttls {
		port = "389"
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
	user, password string // empty: no login

	pool *idlepool.Pool[*conn]
}
