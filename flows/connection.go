package flows

import (
	"context"
	"database/sql"
	"net/http"
	"net/url"
)

// Connections finds the connections that steps name. Errors are shown to the
// caller: they name the connection and never its credential. Safe for
// concurrent use.
type Connections interface {
	// HTTP returns the connection of that name for http steps.
	HTTP(ctx context.Context, name string) (HTTPConnection, error)
	// SQL returns the connection of that name for sql steps.
	SQL(ctx context.Context, name string) (*Database, error)
	// Mail returns the connection of that name for email steps.
	Mail(ctx context.Context, name string) (Mailer, error)
}

// Secrets finds the secrets that steps name, such as the key of an hmac. The
// error never holds one. Safe for concurrent use.
type Secrets interface {
	Secret(ctx context.Context, name string) (string, error)
}

// HTTPConnection is a credential for HTTP, pinned to the hosts that may see
// it. The http step enforces the pin: a kind of connection cannot forget it.
// Safe for concurrent use.
type HTTPConnection interface {
	// Allows reports whether a request to u may carry the credential.
	Allows(u *url.URL) bool
	// Transport returns base with the credential added to each request, or a
	// transport of its own that presents a client certificate. It sees only
	// requests that Allows lets through, and is called for every one of them.
	Transport(base http.RoundTripper) http.RoundTripper
}

// Database is a connection for sql steps: one bounded pool, shared by all
// steps of the process. Whoever gets it does not close it.
type Database struct {
	DB      *sql.DB
	Dialect Dialect
	// TooLarge reports whether an error says that a value or a statement needs
	// more memory than this process gives it. nil: none does.
	TooLarge func(error) bool
	// Semaphore bounds the statements that compute in this process at once: who
	// executes one, or a transaction, puts a value in and takes it out
	// afterwards. nil: the database computes elsewhere.
	Semaphore chan struct{}
}

// Acquire waits for a place, at most until ctx ends. leave gives it back; it must
// be called when err is nil.
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

// Dialect says how a database writes placeholders and what its driver makes
// of values.
type Dialect string

const (
	Postgres  Dialect = "postgres"
	MySQL     Dialect = "mysql" // and MariaDB
	SQLServer Dialect = "sqlserver"
	SQLite    Dialect = "sqlite"
)
