package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
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
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "cache_size(-16000)", "trusted_schema(0)", "auto_vacuum(INCREMENTAL)", "secure_delete(1)"},
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

// purge merges all words into one segment, which leaves out those of deleted runs, and empties the write-ahead log: neither the file nor
// a back-up then has what was deleted. It writes pages in steps, so that others may write between them.
func (sqlite) purge(ctx context.Context, db *sql.DB) error {
	if err := mergeWords(ctx, db); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

// mergedPages is the number of pages of words that one step of a merge writes, about.
const mergedPages = 500

// mergeWords is described at https://sqlite.org/fts5.html#the_merge_command: a negative number of pages begins, positive ones go on
// until a step changes less than two rows.
func mergeWords(ctx context.Context, db *sql.DB) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	var before, after int64
	for pages := -mergedPages; ; pages = mergedPages {
		if err := c.QueryRowContext(ctx, "SELECT total_changes()").Scan(&before); err != nil {
			return err
		}
		if _, err := c.ExecContext(ctx, "INSERT INTO words (words, rank) VALUES ('merge', ?1)", pages); err != nil {
			return err
		}
		if err := c.QueryRowContext(ctx, "SELECT total_changes()").Scan(&after); err != nil {
			return err
		}
		if after-before < 2 {
			return nil
		}
	}
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

// using names the index, since the planner does not know how few runs a partial one has.
func (sqlite) using(index string) string {
	if index == "" {
		return "runs"
	}
	return "runs INDEXED BY " + index
}

func (sqlite) lastRuns(flows string) string {
	return "SELECT r.flow, r.id, r.state, r.at FROM " + flows + " AS f JOIN runs r ON r.number = (SELECT number FROM runs WHERE flow = f.column1 ORDER BY at DESC, id DESC LIMIT 1)"
}

// sqliteInsert stores a new run, and sqliteUpdate replaces one that was not erased.
var sqliteInsert, sqliteUpdate = func() (insert, update string) {
	places, changes := make([]string, len(columns)), make([]string, 0, len(columns))
	for i, c := range columns {
		places[i] = sqlite{}.placeholder(i + 1)
		if i > 0 {
			changes = append(changes, c+" = "+places[i])
		}
	}
	return "INSERT INTO runs (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(places, ", ") + ")",
		"UPDATE runs SET " + strings.Join(changes, ", ") + " WHERE id = ?1 AND NOT erased"
}()

// write stores all runs before the words, which FTS5 would otherwise write to its table one by one.
func (d sqlite) write(ctx context.Context, tx *sql.Tx, rows []row) ([]bool, error) {
	numbers, err := d.numbers(ctx, tx, rows)
	if err != nil {
		return nil, err
	}
	inserted, stored := make([]bool, len(rows)), make([]bool, len(rows))
	insert, err := tx.PrepareContext(ctx, sqliteInsert)
	if err != nil {
		return nil, err
	}
	defer insert.Close()
	days := map[span]span{} // numbers, from and to inclusive
	for i := range rows {
		r := &rows[i]
		if _, known := numbers[r.ID]; known {
			changed, err := affected(tx.ExecContext(ctx, sqliteUpdate, r.values(d)...))
			if err != nil {
				return nil, err
			}
			stored[i] = changed > 0
			continue
		}
		result, err := insert.ExecContext(ctx, r.values(d)...)
		if err != nil {
			return nil, err
		}
		n, err := result.LastInsertId()
		if err != nil {
			return nil, err
		}
		numbers[r.ID], inserted[i], stored[i] = n, true, true
		of := dayOf(r.at)
		if _, begun := days[of]; !begun {
			days[of] = span{n, n}
		}
		days[of] = span{min(days[of].from, n), max(days[of].to, n)}
	}
	for of, n := range days {
		if _, err := tx.ExecContext(ctx, "INSERT INTO days (day, low, high) VALUES (?1, ?2, ?3) ON CONFLICT (day) DO UPDATE SET low = min(low, excluded.low), high = max(high, excluded.high)", of.from, n.from, n.to); err != nil {
			return nil, err
		}
	}
	words, err := tx.PrepareContext(ctx, "INSERT INTO words (rowid, text) VALUES (?1, ?2)")
	if err != nil {
		return nil, err
	}
	defer words.Close()
	for i := range rows {
		if !stored[i] { // it was erased
			continue
		}
		if !inserted[i] {
			if _, err := tx.ExecContext(ctx, "DELETE FROM words WHERE rowid = ?1", numbers[rows[i].ID]); err != nil {
				return nil, err
			}
		}
		if _, err := words.ExecContext(ctx, numbers[rows[i].ID], strings.Join(rows[i].words, " ")); err != nil {
			return nil, err
		}
	}
	return inserted, nil
}

// numbers returns the numbers of the runs that are there.
func (d sqlite) numbers(ctx context.Context, tx *sql.Tx, rows []row) (map[string]int64, error) {
	numbers := make(map[string]int64, len(rows))
	for some := range slices.Chunk(rows, maxParameters) {
		s := &statement{dialect: d}
		ids := make([]any, len(some))
		for i := range some {
			ids[i] = d.id(some[i].ID)
		}
		found, err := tx.QueryContext(ctx, "SELECT id, number FROM runs WHERE "+s.in("id", ids), s.args...)
		if err != nil {
			return nil, err
		}
		defer found.Close()
		for found.Next() {
			var id runID
			var number int64
			if err := found.Scan(&id, &number); err != nil {
				return nil, err
			}
			numbers[string(id)] = number
		}
		if err := found.Err(); err != nil {
			return nil, err
		}
	}
	return numbers, nil
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
