// Package connect opens the connections that steps name: HTTP with a credential, database pools, mail servers.
package connect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/penstock/penstock/connect/internal/database"
	"github.com/penstock/penstock/connect/internal/fileserver"
	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/lastuse"
	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/secretstore"
	"github.com/penstock/penstock/internal/sleep"
	"github.com/penstock/penstock/store"
)

// Config configures a Resolver.
type Config struct {
	Store *store.Store // required
	// HTTP sends the requests for tokens; required. The requests of steps use the transport of their run.
	HTTP http.RoundTripper
	Log  *slog.Logger // required
	// SQLiteDir is the directory with the files of sqlite connections. Empty: sqlite connections fail.
	SQLiteDir string
	// Used is called for each use of a connection or secret by a step; optional. It must not block.
	Used func(kind lastuse.Kind, name string)
}

// Resolver finds connections and secrets for the steps of one process. It implements flows.Connections and
// flows.Secrets. Safe for concurrent use.
type Resolver struct {
	config      Config
	catalogue   *flows.Catalogue // of the store; nil: none, in Check
	connections *store.Connections
	secrets     *store.Secrets
	grants      *store.Grants
	sqliteSlots chan struct{} // semaphore of SQLite's statements

	mu      sync.Mutex                   // guards the fields below
	opened  map[string]*openedConnection // by name
	retired map[server.Leased]struct{}   // replaced versions that are still in use
	closing sync.WaitGroup               // replaced versions that are being closed
}

// openedConnection is one version of a connection, opened.
type openedConnection struct {
	version string   // of the connection, and of what its references gave
	conn    any      // *pinned, *database.Pool, *mailer, *fileserver.SFTPServer, *fileserver.S3Store, *proxy or *client
	secrets []string // see secretsOf
}

var (
	_ flows.Connections = (*Resolver)(nil)
	_ flows.Secrets     = (*Resolver)(nil)
)

// New returns a Resolver. Its owner closes it when no step runs any more.
func New(config Config) (*Resolver, error) {
	if config.Store == nil || config.HTTP == nil || config.Log == nil {
		return nil, errors.New("make resolver: Store, HTTP and Log are required")
	}
	if config.SQLiteDir != "" {
		database.CountSQLite()
	}
	return &Resolver{
		config:      config,
		catalogue:   config.Store.Catalogue(),
		connections: config.Store.Connections(),
		secrets:     config.Store.Secrets(),
		grants:      config.Store.Grants(),
		sqliteSlots: make(chan struct{}, max(2, runtime.GOMAXPROCS(0))),
		opened:      map[string]*openedConnection{},
		retired:     map[server.Leased]struct{}{},
	}, nil
}

// HTTP implements flows.Connections.
func (r *Resolver) HTTP(ctx context.Context, name string) (flows.HTTPConnection, error) {
	conn, err := resolve[*pinned](ctx, r, name, "http steps cannot use")
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// SQL implements flows.Connections.
func (r *Resolver) SQL(ctx context.Context, name string) (*flows.Database, error) {
	for {
		p, err := resolve[*database.Pool](ctx, r, name, "sql steps cannot use")
		if err != nil {
			return nil, err
		}
		if db, ok := p.Lease(); ok {
			return db, nil
		} // another caller has just replaced this version
	}
}

// Mail implements flows.Connections.
func (r *Resolver) Mail(ctx context.Context, name string) (flows.Mailer, error) {
	m, err := resolve[*mailer](ctx, r, name, "email steps cannot use")
	if err != nil {
		return nil, err
	}
	return m, nil
}

// SFTP implements flows.Connections.
func (r *Resolver) SFTP(ctx context.Context, name string) (flows.SFTPServer, error) {
	f, err := resolve[*fileserver.SFTPServer](ctx, r, name, "sftp steps cannot use")
	if err != nil {
		return nil, err
	}
	return f, nil
}

// S3 implements flows.Connections.
func (r *Resolver) S3(ctx context.Context, name, bucket string) (flows.Bucket, error) {
	s, err := resolve[*fileserver.S3Store](ctx, r, name, "s3 steps cannot use")
	if err != nil {
		return nil, err
	}
	return s.In(bucket)
}

// Proxy implements flows.Connections.
func (r *Resolver) Proxy(ctx context.Context, name string) (flows.HTTPProxy, error) {
	p, err := resolve[*proxy](ctx, r, name, "is no proxy")
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Client implements flows.Connections.
func (r *Resolver) Client(ctx context.Context, name string) (flows.Client, func(), error) {
	for {
		c, err := resolve[*client](ctx, r, name, "is no type of a module")
		if err != nil {
			return nil, nil, err
		}
		if c.Take() {
			return c.Client, sync.OnceFunc(c.Leave), nil
		} // another caller has just replaced this version
	}
}

// Secret implements flows.Secrets.
func (r *Resolver) Secret(ctx context.Context, name string) (string, error) {
	secret, err := retryWhileUnavailable(ctx, func() (string, error) { return r.secrets.Secret(ctx, name) })
	if err != nil {
		return "", r.readError(ctx, "secret", name, err)
	}
	r.used(lastuse.Secret, name)
	return secret, nil
}

func (r *Resolver) used(kind lastuse.Kind, name string) {
	if r.config.Used != nil {
		r.config.Used(kind, name)
	}
}

// resolve returns the connection as T, whose secrets are then masked in what the step puts out; otherwise says what a connection of another type is not good for.
func resolve[T any](ctx context.Context, r *Resolver, name, otherwise string) (T, error) {
	var none T
	c, err := retryWhileUnavailable(ctx, func() (*store.Connection, error) { return r.connections.Connection(ctx, name) })
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			r.forget(name)
		}
		return none, r.readError(ctx, "connection", name, err)
	}
	made, err := r.openWithReferences(ctx, c)
	if err != nil {
		return none, err
	}
	conn, ok := made.conn.(T)
	if !ok {
		return none, server.Failure(name, "it is of the type %s, which %s", c.Type, otherwise)
	}
	mask.Add(ctx, made.secrets...)
	r.used(lastuse.Connection, name)
	return conn, nil
}

// retryWhileUnavailable reads from the store. While the store, or one of secrets, is unavailable it waits, until ctx ends; a record
// that does not exist or cannot be opened is a final result.
func retryWhileUnavailable[T any](ctx context.Context, look func() (T, error)) (found T, err error) {
	for pause := minStorePause; ; pause = min(2*pause, maxStorePause) {
		var answer error
		err = redisconn.RetryUntilDone(ctx, func() error {
			if found, answer = look(); redisconn.Temporary(answer) {
				return answer
			}
			return nil
		})
		if err == nil {
			err = answer
		}
		if !secretstore.Temporary(err) || sleep.For(ctx, pause) != nil {
			return found, err
		}
	}
}

// minStorePause and maxStorePause bound the time between two tries of a store of secrets that is away.
const minStorePause, maxStorePause = 100 * time.Millisecond, 2 * time.Second

// readError returns the error for a record that could not be read. The details of a fault of Redis or of a master key go
// to the log only.
func (r *Resolver) readError(ctx context.Context, what, name string, err error) error {
	var kept *secretstore.Error
	switch {
	case errors.As(err, &kept):
		return referenceError(ctx, what, name, kept)
	case errors.Is(err, store.ErrNotFound):
		return &flows.Error{Code: flows.CodeStepFailed, Message: fmt.Sprintf("there is no %s %q", what, name)}
	case ctx.Err() != nil:
		return ctx.Err()
	}
	r.config.Log.Error("a "+what+" cannot be read", what, name, "error", err)
	return &flows.Error{
		Code: flows.CodeStepFailed, Class: flows.ClassNetwork, Message: fmt.Sprintf("the %s %q cannot be read now", what, name), Err: err,
	}
}

// openOnce opens each version of a connection once. version is also that of its references, whose values c has.
func (r *Resolver) openOnce(c *store.Connection, version string) (*openedConnection, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.opened[c.Name]
	if old != nil && old.version == version {
		return old, nil
	}
	as, err := r.open(c)
	if err != nil {
		return nil, err
	}
	if p, ok := as.(*pinned); ok {
		r.rotate(p, c)
	}
	if old != nil {
		r.retire(old)
	}
	made := &openedConnection{version: version, conn: as}
	if _, database := as.(*database.Pool); !database { // it does not send its password back, which may be an ordinary word in rows
		made.secrets = append(secretsOf(r.catalogue, c), referencedValues(c)...)
	}
	r.opened[c.Name] = made
	return made, nil
}

// forget closes the last version of a connection that was deleted.
func (r *Resolver) forget(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.opened[name]; old != nil {
		delete(r.opened, name)
		r.retire(old)
	}
}

// retire closes an older version, a pool or a client, as soon as its last user has released it. r.mu must be held.
func (r *Resolver) retire(old *openedConnection) {
	l, ok := old.conn.(server.Leased)
	if !ok {
		if c, ok := old.conn.(io.Closer); ok { // it closes what is in use when that is released
			r.closing.Go(func() { _ = c.Close() })
		}
		return
	}
	r.retired[l] = struct{}{}
	if p, database := l.(*database.Pool); database {
		p.DB.SetMaxIdleConns(-1)
	}
	l.Retire(func() {
		r.closing.Go(func() { r.closeRetired(l) })
	})
}

// closeRetired closes a version without users. A server that is away may take seconds to let go of a connection.
func (r *Resolver) closeRetired(l server.Leased) {
	r.mu.Lock()
	delete(r.retired, l)
	r.mu.Unlock()
	if err := l.Close(); err != nil {
		r.config.Log.Warn("an older version of a connection could not be closed", "error", err)
	}
}

// Close closes the pools and waits for their statements.
func (r *Resolver) Close() error {
	err := r.closeAll()
	r.closing.Wait()
	return err
}

func (r *Resolver) closeAll() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var failures []error
	for p := range r.retired {
		failures = append(failures, p.Close())
	}
	for _, made := range r.opened {
		if c, ok := made.conn.(io.Closer); ok {
			failures = append(failures, c.Close())
		}
	}
	r.opened, r.retired = map[string]*openedConnection{}, map[server.Leased]struct{}{}
	return errors.Join(failures...)
}
