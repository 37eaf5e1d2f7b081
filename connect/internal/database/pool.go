// Package database opens the pools of connections with databases.
package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"

	"github.com/jackc/pgx/v5/pgproto3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/flows"
)

// Pool is a bounded pool of connections to one database, with its users. It implements flows.Client.
type Pool struct {
	flows.Database
	server.Leases

	name string // of the connection
}

func newPool(s flows.ConnectionSettings, dialect flows.Dialect, c driver.Connector) *Pool {
	db := sql.OpenDB(connector{name: s.Connection, rejected: s.Rejected, Connector: c})
	most := s.Number("max_connections")
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	db.SetConnMaxIdleTime(server.IdleLife)
	db.SetConnMaxLifetime(server.MaxLife)
	return &Pool{Database: flows.Database{DB: db, Dialect: dialect, TooLarge: tooLarge, Describe: describeSQLError}, name: s.Connection}
}

// Close implements flows.Client. It waits for running statements.
func (p *Pool) Close() error { return p.DB.Close() }

// Lease returns the database for one user, who must release it. It returns false when the pool has been retired.
func (p *Pool) Lease() (*flows.Database, bool) {
	if !p.Take() {
		return nil, false
	}
	db := p.Database
	db.OnRelease = sync.OnceFunc(p.Leave)
	return &db, true
}

// Test implements flows.Client: it logs in, as the connector of the pool describes its failures.
func (p *Pool) Test(ctx context.Context) error {
	db, ok := p.Lease()
	if !ok {
		return server.Failure(p.name, "it has just been replaced")
	}
	defer db.Release()
	err := db.DB.PingContext(ctx)
	var known *flows.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return server.Unreachable(p.name, "the database", err)
}

// connector replaces the errors of a driver's connector, whose texts contain hosts, users and files.
type connector struct {
	name     string
	rejected func(context.Context) bool // see flows.ConnectionSettings; nil: the credential cannot be replaced
	driver.Connector
}

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	dialing, cancel := context.WithTimeout(ctx, server.DialLimit)
	defer cancel()
	dialled := &loginDials{ctx: dialing}
	conn, err := c.Connector.Connect(context.WithValue(dialing, loginDialsKey{}, dialled))
	dialled.done()
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case tooLarge(err): // SQLite has no memory to open a file
		return nil, err
	case isLoginRejected(err):
		return nil, c.refused(ctx)
	}
	if words := rejectionReason(err); words != "" {
		return nil, server.Failure(c.name, "the database %s", words)
	}
	var ours *flows.Error
	if errors.As(err, &ours) {
		return nil, ours
	}
	return nil, server.Unreachable(c.name, "the database", err)
}

// refused is the failure of a login. When the credential was replaced where it is kept, it is worth another try.
func (c connector) refused(ctx context.Context) error {
	if c.rejected == nil || !c.rejected(ctx) {
		return server.Failure(c.name, "the database refuses the login")
	}
	e := server.Failure(c.name, "the database refuses the login: the credential was replaced in its store, and another try has the new one")
	e.Class = flows.ClassNetwork
	return e
}

// primaryCode is the mask of the primary code of SQLite in an extended one.
const primaryCode = 0xff

// tooLarge reports whether a driver exceeded a limit of ours: for a message of a PostgreSQL server, or for SQLite's
// values or memory.
func tooLarge(err error) bool {
	var message *pgproto3.ExceededMaxBodyLenErr
	var code *sqlite.Error
	if errors.As(err, &code) {
		return code.Code()&primaryCode == sqlite3.SQLITE_NOMEM || code.Code()&primaryCode == sqlite3.SQLITE_TOOBIG
	}
	return errors.As(err, &message)
}

// databaseFields are the settings of a database server.
func databaseFields(port string) []flows.ConnectionField {
	fields := []flows.ConnectionField{
		{Name: "host", Required: true, Summary: "Name or address of the server."},
		{Name: "port", Kind: flows.FieldNumber, Default: port, Summary: "Port of the server."},
		{Name: "database", Required: true, Summary: "Name of the database."},
		{Name: "username", Required: true, Summary: "User name."},
		{Name: "password", Secret: true, Summary: "Password."},
	}
	return append(append(fields, server.TLSFields()...), server.MaxConnections())
}
