package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	_ "modernc.org/sqlite" // driver "sqlite"
)

// sqliteReaders is the maximum number of connections that read a SQLite history.
const sqliteReaders = 4

// sqlite keeps the history in a file.
type sqlite struct{}

func openSQLite(path string) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	query := url.Values{
		"_txlock": {"immediate"}, "_dqs": {"0"},
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "cache_size(-16000)", "trusted_schema(0)", "auto_vacuum(INCREMENTAL)"},
	}
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query.Encode()}).String()
	readers, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	writer, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("history: %w", err), readers.Close())
	}
	readers.SetMaxOpenConns(sqliteReaders)
	writer.SetMaxOpenConns(1)
	return &DB{db: readers, writer: writer, dialect: sqlite{}}, nil
}

func (sqlite) migrations() string { return "sqlite" }

// lock does nothing: a transaction of the writer has the lock from its beginning.
func (sqlite) lock(context.Context, *sql.Tx) error { return nil }

func (sqlite) placeholder(n int) string { return fmt.Sprintf("?%d", n) }

func (sqlite) id(id string) any {
	u, err := uuid.Parse(id)
	if err != nil {
		return []byte(id) // which is the id of no run
	}
	return u[:]
}

func (sqlite) prepare(context.Context, *sql.DB, int64, int64) error { return nil }

// refuses is false: SQLite takes any value.
func (sqlite) refuses(error) bool { return false }

func (sqlite) within(*statement, span) string { return "" }

func (d sqlite) write(ctx context.Context, tx *sql.Tx, rows []row) ([]bool, error) {
	places, updates := make([]string, len(columns)), make([]string, 0, len(columns))
	for i, c := range columns {
		places[i] = d.placeholder(i + 1)
		if i > 0 {
			updates = append(updates, c+" = excluded."+c)
		}
	}
	statements := make([]*sql.Stmt, 5)
	for i, text := range []string{
		"SELECT number FROM runs WHERE id = ?1",
		"INSERT INTO runs (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(places, ", ") + ") ON CONFLICT (id) DO UPDATE SET " + strings.Join(updates, ", ") + " WHERE NOT erased RETURNING number",
		"DELETE FROM words WHERE rowid = ?1",
		"INSERT INTO words (rowid, text) VALUES (?1, ?2)",
		"INSERT INTO days (day, low, high) VALUES (?1, ?2, ?2) ON CONFLICT (day) DO UPDATE SET low = min(low, excluded.low), high = max(high, excluded.high)",
	} {
		var err error
		if statements[i], err = tx.PrepareContext(ctx, text); err != nil {
			return nil, err
		}
		defer statements[i].Close()
	}
	look, insert, forget, words, days := statements[0], statements[1], statements[2], statements[3], statements[4]
	inserted := make([]bool, len(rows))
	for i := range rows {
		r := &rows[i]
		var number int64
		err := look.QueryRowContext(ctx, d.id(r.ID)).Scan(&number)
		if inserted[i] = errors.Is(err, sql.ErrNoRows); err != nil && !inserted[i] {
			return nil, err
		}
		if err := insert.QueryRowContext(ctx, r.values(d)...).Scan(&number); errors.Is(err, sql.ErrNoRows) { // it was erased
			continue
		} else if err != nil {
			return nil, err
		}
		if !inserted[i] {
			if _, err := forget.ExecContext(ctx, number); err != nil {
				return nil, err
			}
		}
		if _, err := words.ExecContext(ctx, number, strings.Join(r.words, " ")); err != nil {
			return nil, err
		}
		if _, err := days.ExecContext(ctx, dayOf(r.at).from, number); err != nil {
			return nil, err
		}
	}
	return inserted, nil
}

// matching searches only among the numbers that the runs of the days have.
func (sqlite) matching(s *statement, words []string, within span) string {
	parts := make([]string, len(words))
	for i, word := range words {
		plain, prefix := strings.CutSuffix(word, "*")
		if parts[i] = `"` + plain + `"`; prefix {
			parts[i] += "*"
		}
	}
	match, from, to := s.arg(strings.Join(parts, " ")), s.arg(dayOf(within.from).from), s.arg(within.to)
	return "number IN (SELECT rowid FROM words WHERE words MATCH " + match +
		" AND rowid BETWEEN (SELECT min(low) FROM days WHERE day >= " + from + " AND day < " + to + ")" +
		" AND (SELECT max(high) FROM days WHERE day >= " + from + " AND day < " + to + "))"
}

func (sqlite) days(ctx context.Context, db *sql.DB, all span) ([]span, error) {
	rows, err := db.QueryContext(ctx, "SELECT day FROM days WHERE day >= ?1 AND day < ?2 ORDER BY day DESC", dayOf(all.from).from, all.to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var days []span
	for rows.Next() {
		var from int64
		if err := rows.Scan(&from); err != nil {
			return nil, err
		}
		days = append(days, dayOf(from))
	}
	return days, rows.Err()
}
