// Package mongodb has a connection and a step for MongoDB.
package mongodb

import (
	"cmp"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
)

// Module returns the module.
func Module() flows.Module {
	return flows.Module{Kinds: []flows.Kind{kind()}, Connections: []flows.ConnectionType{connection()}}
}

func connection() flows.ConnectionType {
	return flows.ConnectionType{
		Name: "mongodb", Summary: "A database of MongoDB.",
		Fields: append([]flows.ConnectionField{
			{Name: "hosts", Summary: "Servers, separated by commas: `db-1:27017, db-2:27017`."},
			{Name: "srv", Summary: "Name whose SRV records list the servers, in place of hosts: `cluster0.example.mongodb.net`."},
			{Name: "replica_set", Summary: "Name of the replica set, if the servers are one."},
			{Name: "database", Required: true, Summary: "Name of the database."},
			{Name: "username", Summary: "User name; default: no login."},
			{Name: "password", Secret: true, Summary: "Password."},
			{Name: "auth_database", Default: "admin", Summary: "Database that knows the user."},
			{Name: "mechanism", Kind: flows.FieldChoice, Choices: []string{"scram-sha-256", "scram-sha-1"}, Default: "scram-sha-256", Summary: "Mechanism of the login."},
		}, connect.TLSFields()...),
		Open: open,
	}
}

const (
	// selectLimit is the maximum time to find a server that answers.
	selectLimit = 10 * time.Second
	maxPool     = 20
)

// client is the configuration of a database, with the driver's connections. It implements flows.Client.
type client struct {
	name, database string   // of the connection
	hosts          []string // with ports; empty: those of srv
	srv            string
	replicaSet     string              // empty: none
	login          *options.Credential // nil: none
	tls            *tls.Config         // nil: none

	mu     sync.Mutex
	driver *mongo.Client // guarded by mu; nil: not used yet, because the driver connects when it is made
}

func open(s flows.ConnectionSettings) (flows.Client, error) {
	trust, err := connect.TLSConfig(s, "") // the driver sets the name of each server
	if err != nil {
		return nil, err
	}
	c := &client{name: s.Connection, database: s.Text["database"], srv: s.Text["srv"], replicaSet: s.Text["replica_set"], tls: trust}
	switch {
	case (s.Text["hosts"] == "") == (c.srv == ""):
		return nil, errors.New("the connection needs one of hosts and srv")
	case strings.ContainsAny(c.srv, "/?@:, "):
		return nil, errors.New("srv is a name such as cluster0.example.mongodb.net")
	case (s.Text["username"] == "") != (s.Text["password"] == ""):
		return nil, errors.New("a login needs username and password")
	case s.Text["username"] != "":
		c.login = &options.Credential{
			AuthMechanism: strings.ToUpper(s.Text["mechanism"]), AuthSource: cmp.Or(s.Text["auth_database"], "admin"),
			Username: s.Text["username"], Password: s.Text["password"], PasswordSet: true,
		}
	}
	c.hosts, err = hostsOf(s.Text["hosts"])
	return c, err
}

// hostsOf returns a list of servers with their ports; none for an empty text.
func hostsOf(text string) (hosts []string, err error) {
	if text == "" {
		return nil, nil
	}
	for host := range strings.SplitSeq(text, ",") {
		if host = strings.TrimSpace(host); host == "" {
			return nil, errors.New("hosts has an empty name")
		}
		if strings.ContainsAny(host, "@/? ") {
			return nil, errors.New("hosts are addresses such as db-1:27017, without a login")
		}
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(host, "27017")
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}

// options returns the settings of the driver. It asks for the SRV records; that they cannot be found is an error of mongo.Connect.
func (c *client) options() *options.ClientOptions {
	o := options.Client().SetAppName("penstock").SetServerSelectionTimeout(selectLimit).SetConnectTimeout(selectLimit).SetMaxPoolSize(maxPool).
		SetWriteConcern(writeconcern.Majority())
	if c.srv != "" {
		o.ApplyURI("mongodb+srv://" + c.srv)
	} else {
		o.SetHosts(c.hosts).SetDirect(len(c.hosts) == 1 && c.replicaSet == "")
	}
	if c.replicaSet != "" {
		o.SetReplicaSet(c.replicaSet)
	}
	if c.login != nil {
		o.SetAuth(*c.login)
	}
	o.TLSConfig = c.tls // also in place of what SRV implies
	return o
}
