// Package history keeps the records of ended runs in a database, SQLite or PostgreSQL, after Redis has removed them, and
// finds them again. It implements queue.History. An Archiver copies the runs from Redis.
package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/queue"
)

// Run is an ended run, and what is known of it beside its record.
type Run struct {
	queue.Archived

	Labels  map[string]string
	Expires time.Time // when the run may be deleted

	// ValuesExpire is when its values and its words may be deleted; zero: with the run.
	ValuesExpire time.Time

	decoded *queue.Record // what record has decoded; nil: nothing yet
}

// record decodes the run, once.
func (r *Run) record() (*queue.Record, error) {
	if r.decoded == nil {
		record, err := r.Decode()
		if err != nil {
			return nil, err
		}
		r.decoded = &record
	}
	return r.decoded, nil
}

// DB is a history. Safe for concurrent use.
type DB struct {
	db      *sql.DB // for readers
	writer  *sql.DB // of SQLite, which has one writer, another one; otherwise the same
	dialect dialect
	log     *slog.Logger

	migrating sync.Mutex
	migrated  atomic.Bool
}

// ErrUnavailable reports that the database does not answer. It is a queue.ErrUnavailable and a queue.ErrHistory, too.
var ErrUnavailable error = away{}

type away struct{}

func (away) Error() string { return "history: the database does not answer" }

func (away) Is(err error) bool { return err == queue.ErrUnavailable || err == queue.ErrHistory }

// dialect is what the databases do in different ways.
type dialect interface {
	// migrations are the directory of the changes to the schema.
	migrations() string
	// lock keeps other processes from changing the schema and the statistics until the transaction ends.
	lock(ctx context.Context, tx *sql.Tx) error
	// placeholder returns the n-th parameter of a statement, from 1.
	placeholder(n int) string
	// id returns a run id as a parameter.
	id(id string) any
	// write stores runs in a transaction, and returns which of them are new.
	write(ctx context.Context, tx *sql.Tx, rows []row) (inserted []bool, err error)
	// prepare makes room for runs that were accepted at these times, unix ms, before they are written.
	prepare(ctx context.Context, db *sql.DB, from, to int64) error
	// matching is the condition for the runs that have all words.
	matching(b *statement, words []string, day span) string
	// within is a condition that lets the database leave out the runs that were accepted outside of a span.
	within(b *statement, day span) string
	// using returns the table of runs, to be read through an index; empty: through any.
	using(index string) string
	// days returns the days that have runs, within a span, newest first.
	days(ctx context.Context, db *sql.DB, all span) ([]span, error)
	// expire deletes runs that have expired, and the values of those whose values have, a part of them. more: there may be others.
	expire(ctx context.Context, h *DB, now int64) (e Expired, more bool, err error)
	// lastRuns returns a query for flow, id, state and at of the last run of each flow of a list, as in "(VALUES (1), (2))".
	lastRuns(flows string) string
	// refuses reports whether an error is about the values of a statement.
	refuses(err error) bool
	// purge removes from the files of the database what was deleted from its tables.
	purge(ctx context.Context, db *sql.DB) error
	// dropWords deletes the words of a run.
	dropWords(ctx context.Context, tx *sql.Tx, id string) error
}

// span are times of acceptance, unix ms: from inclusive, to exclusive.
type span struct{ from, to int64 }

const day = 24 * 60 * 60 * 1000 // ms

// dayOf returns the day of a time.
func dayOf(ms int64) span {
	from := ms - ms%day
	return span{from, from + day}
}

// Open opens a history and brings its schema up to date. The place is sqlite:PATH or the URL of a PostgreSQL database:
// postgres://USER:PASSWORD@HOST/NAME. log gets a line before and after a change of the schema, which may take minutes. Close releases it. With
// ErrUnavailable it returns a history, too, which can be used once the database answers.
func Open(ctx context.Context, place string, log *slog.Logger) (*DB, error) {
	h, err := open(place)
	if err != nil {
		return nil, err
	}
	h.log = log
	err = h.ready(ctx)
	if err != nil && !errors.Is(err, ErrUnavailable) {
		_ = h.Close() // the first error is more useful
		return nil, err
	}
	return h, err
}

// ready brings the schema up to date, once.
func (h *DB) ready(ctx context.Context) error {
	if h.migrated.Load() {
		return nil
	}
	h.migrating.Lock()
	defer h.migrating.Unlock()
	if h.migrated.Load() {
		return nil
	}
	err := h.migrate(ctx)
	h.migrated.Store(err == nil)
	return err
}

// Check returns an error that says what is wrong with a place; nil: it can be opened.
func Check(place string) error {
	if path, ok := strings.CutPrefix(place, "sqlite:"); ok && path != "" {
		return nil
	}
	u, err := url.Parse(place)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Host == "" {
		return errors.New("history: the place is neither sqlite:PATH nor postgres://USER:PASSWORD@HOST/NAME, with special characters of the password percent-encoded") // the URL may have a password
	}
	return nil
}

func open(place string) (*DB, error) {
	if err := Check(place); err != nil {
		return nil, err
	}
	if path, ok := strings.CutPrefix(place, "sqlite:"); ok {
		return openSQLite(path)
	}
	return openPostgres(place)
}

// Close closes the connections.
func (h *DB) Close() error {
	if h.writer == h.db {
		return h.db.Close()
	}
	return errors.Join(h.writer.Close(), h.db.Close())
}

// Ping reports whether the database answers.
func (h *DB) Ping(ctx context.Context) error { return unavailable(h.db.PingContext(ctx)) }

// unavailable wraps an error of the database.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// inTransaction calls do in a transaction of the writer, and commits unless it returns an error.
func (h *DB) inTransaction(ctx context.Context, do func(*sql.Tx) error) error {
	if err := h.ready(ctx); err != nil {
		return err
	}
	return h.transaction(ctx, do)
}

func (h *DB) transaction(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := h.writer.BeginTx(ctx, nil)
	if err != nil {
		return unavailable(err)
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback() // the first error is more useful
		return err
	}
	return unavailable(tx.Commit())
}

// statement collects a statement with its parameters.
type statement struct {
	dialect dialect
	args    []any
}

// arg adds a parameter and returns its place.
func (s *statement) arg(v any) string {
	if text, ok := v.(string); ok {
		v = plain(text)
	}
	s.args = append(s.args, v)
	return s.dialect.placeholder(len(s.args))
}

// isRun returns the condition for one run.
func (s *statement) isRun(id string) string {
	made := madeAt(id)
	where := "id = " + s.arg(s.dialect.id(id))
	if within := s.dialect.within(s, span{made, made + 1}); within != "" {
		where += " AND " + within
	}
	return where
}

// in returns the condition that a column has one of the values.
func (s *statement) in(column string, values []any) string {
	if len(values) == 0 {
		return "1 = 0"
	}
	places := make([]string, len(values))
	for i, v := range values {
		places[i] = s.arg(v)
	}
	return column + " IN (" + strings.Join(places, ", ") + ")"
}
