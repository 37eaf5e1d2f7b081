package connect

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/penstock/penstock/flows"
)

const (
	// dialLimit is the maximum duration of connecting to a server and logging in.
	dialLimit = 10 * time.Second
	// idleLife is how long an unused connection is kept; serverLife how long any connection is, so that a failover or
	// a new address takes effect.
	idleLife   = 5 * time.Minute
	serverLife = 30 * time.Minute
	// poolSize is the default maximum number of connections of a process.
	poolSize = "10"
)

func newPool(s settings, dialect flows.Dialect, c driver.Connector) *pool {
	db := sql.OpenDB(connector{name: s.conn.Name, Connector: c})
	most := s.number("max_connections")
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	db.SetConnMaxIdleTime(idleLife)
	db.SetConnMaxLifetime(serverLife)
	return &pool{Database: flows.Database{DB: db, Dialect: dialect, TooLarge: tooLarge, Describe: describeSQLError}}
}

// connector replaces the errors of a driver's connector, whose texts contain hosts, users and files.
type connector struct {
	name string
	driver.Connector
}

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	dialing, cancel := context.WithTimeout(ctx, dialLimit)
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
		return nil, failure(c.name, "the database refuses the login")
	}
	if words := rejectionReason(err); words != "" {
		return nil, failure(c.name, "the database %s", words)
	}
	var ours *flows.Error
	if errors.As(err, &ours) {
		return nil, ours
	}
	return nil, unreachable(c.name, "the database", err)
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
func databaseFields(port string) []Field {
	fields := []Field{
		{Name: "host", Required: true, Summary: "Name or address of the server."},
		{Name: "port", Kind: FieldNumber, Default: port, Summary: "Port of the server."},
		{Name: "database", Required: true, Summary: "Name of the database."},
		{Name: "username", Required: true, Summary: "User name."},
		{Name: "password", Secret: true, Summary: "Password."},
	}
	return append(append(fields, TLSFields()...), maxConnections())
}

func maxConnections() Field {
	return Field{Name: "max_connections", Kind: FieldNumber, Default: poolSize, Summary: "Maximum number of connections per worker."}
}

// tlsConfig returns nil for `tls: none`.
func tlsConfig(s settings) (*tls.Config, error) {
	roots, err := authorities(s)
	if err != nil || s.text["tls"] == "none" {
		return nil, err
	}
	return &tls.Config{ServerName: s.text["host"], RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}
