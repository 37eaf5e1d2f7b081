package flows

import (
	"context"
	"database/sql"
	"net/http"
	"net/url"
)

// Connections finds the connections that steps name. Errors are shown to the caller: they name the connection, never
// its credential. Safe for concurrent use.
type Connections interface {
	// HTTP returns the connection of that name for http steps.
	HTTP(ctx context.Context, name string) (HTTPConnection, error)
	// SQL returns the connection of that name for sql steps.
	SQL(ctx context.Context, name string) (*Database, error)
	// Mail returns the connection of that name for email steps.
	Mail(ctx context.Context, name string) (Mailer, error)
}

// Secrets finds the secrets that steps name, such as the key of an hmac. Errors never contain a secret. Safe for
// concurrent use.
type Secrets interface {
	Secret(ctx context.Context, name string) (string, error)
}

// HTTPConnection is a credential for HTTP, restricted to the hosts that may receive it. The http step enforces the
// restriction, so that no connection type can forget it. Safe for concurrent use.
type HTTPConnection interface {
	// Allows reports whether a request to u may carry the credential.
	Allows(u *url.URL) bool
	// Transport returns base with the credential added to each request, or its own transport that presents a client
	// certificate. It is called for every request, and only for those that Allows accepts.
	Transport(base http.RoundTripper) http.RoundTripper
}

// Database is a connection for sql steps: one bounded pool, shared by all steps of the process. Users of it must not
// close it.
type Database struct {
	DB      *sql.DB
	Dialect Dialect
	// TooLarge reports whether an error means that a value or a statement exceeds the memory limit of an in-process
	// database. nil: the database has no such limit.
	TooLarge func(error) bool
	// Semaphore bounds the number of concurrent statements of a database that computes in this process; see Acquire.
	// nil: the database computes elsewhere.
	Semaphore chan struct{}
}

// Acquire waits for a place in the semaphore until ctx ends. leave releases it and must be called when err is nil.
func (d *Database) Acquire(ctx context.Context) (leave func(), err error) {
	if d.Semaphore == nil {
		return func() {}, nil
	}
	select {
	case d.Semaphore <- struct{}{}:
		return func() { <-d.Semaphore }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Dialect selects the syntax of placeholders and the conversion of the driver's values.
type Dialect string

const (
	Postgres  Dialect = "postgres"
	MySQL     Dialect = "mysql" // and MariaDB
	SQLServer Dialect = "sqlserver"
	SQLite    Dialect = "sqlite"
)
