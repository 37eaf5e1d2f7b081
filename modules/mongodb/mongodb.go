// Package mongodb has a connection and a step for MongoDB.
package mongodb

import (
	"cmp"
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
	name     string // of the connection
	database string
	options  *options.ClientOptions

	mu     sync.Mutex
	driver *mongo.Client // guarded by mu; nil: not used yet, because the driver connects when it is made
}

func open(s flows.ConnectionSettings) (flows.Client, error) {
	trust, err := connect.TLSConfig(s, "") // the driver sets the name of each server
	if err != nil {
		return nil, err
	}
	o := options.Client().SetAppName("penstock").SetServerSelectionTimeout(selectLimit).SetConnectTimeout(selectLimit).SetMaxPoolSize(maxPool).
		SetWriteConcern(writeconcern.Majority())
	switch {
	case (s.Text["hosts"] == "") == (s.Text["srv"] == ""):
		return nil, errors.New("the connection needs one of hosts and srv")
	case (s.Text["username"] == "") != (s.Text["password"] == ""):
		return nil, errors.New("a login needs username and password")
	case s.Text["srv"] != "":
		if strings.ContainsAny(s.Text["srv"], "/?@:, ") {
			return nil, errors.New("srv is a name such as cluster0.example.mongodb.net")
		}
		o.ApplyURI("mongodb+srv://" + s.Text["srv"]) // asks for the records
	default:
		var hosts []string
		for host := range strings.SplitSeq(s.Text["hosts"], ",") {
			if host = strings.TrimSpace(host); host == "" {
				return nil, errors.New("hosts has an empty name")
			}
			if _, _, err := net.SplitHostPort(host); err != nil {
				host = net.JoinHostPort(host, "27017")
			}
			hosts = append(hosts, host)
		}
		o.SetHosts(hosts)
	}
	o.TLSConfig = trust // also in place of what srv implies
	if s.Text["replica_set"] != "" {
		o.SetReplicaSet(s.Text["replica_set"])
	} else if s.Text["srv"] == "" && len(o.Hosts) == 1 {
		o.SetDirect(true)
	}
	if s.Text["username"] != "" {
		o.SetAuth(options.Credential{
			AuthMechanism: strings.ToUpper(s.Text["mechanism"]), AuthSource: cmp.Or(s.Text["auth_database"], "admin"),
			Username: s.Text["username"], Password: s.Text["password"], PasswordSet: true,
		})
	}
	return &client{name: s.Connection, database: s.Text["database"], options: o}, nil
}
