package history

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
)

const (
	postgresConnections = 8                  // maximum of one process
	schemaLock          = 0x70656e73746f636b // of the advisory lock of migrations, "penstock"
	writeLock           = schemaLock + 1     // of that of writers
	accepted            = 60 * 60 * 1000     // ms from the making of an id to the acceptance of its run, at most
	ahead               = 5 * 60 * 1000      // ms by which the clock of an API process may be ahead of that of Redis
)

// postgres keeps the history in a PostgreSQL database, each day in a partition.
type postgres struct {
	mu         sync.Mutex
	partitions map[int64]bool // days that have one; guarded by mu
}

func openPostgres(place string) (*DB, error) {
	db, err := sql.Open("pgx", place)
	if err != nil {
		return nil, errors.New("history: the URL of the PostgreSQL database cannot be read") // it may have a password
	}
	db.SetMaxOpenConns(postgresConnections)
	db.SetMaxIdleConns(postgresConnections)
	db.SetConnMaxIdleTime(time.Minute)
	return &DB{db: db, writer: db, dialect: &postgres{partitions: map[int64]bool{}}}, nil
}

// purge does nothing: VACUUM, which PostgreSQL does by itself, reclaims the space of what was deleted.
func (*postgres) purge(context.Context, *sql.DB) error { return nil }

func (*postgres) migrations() string { return "postgres" }

func (*postgres) lock(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(schemaLock))
	return err
}

func (*postgres) placeholder(n int) string { return fmt.Sprintf("$%d", n) }

func (*postgres) id(id string) any {
	if _, err := uuid.Parse(id); err != nil {
		return uuid.Nil.String() // which is the id of no run
	}
	return id
}

// within names the partitions that can have the runs.
func (*postgres) within(s *statement, within span) string {
	return "made >= " + s.arg(within.from-accepted) + " AND made < " + s.arg(within.to+ahead)
}

func (*postgres) using(string) string { return "runs" }

// lastRuns reads the index of each partition for each flow.
func (*postgres) lastRuns(flows string) string {
	return "SELECT f.column1, r.id, r.state, r.at FROM " + flows + " AS f CROSS JOIN LATERAL (SELECT id, state, at FROM runs WHERE flow = f.column1 ORDER BY at DESC, id DESC LIMIT 1) r"
}

// prepare creates the partitions of the days.
func (p *postgres) prepare(ctx context.Context, db *sql.DB, from, to int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for at := dayOf(from); at.from <= to; at = dayOf(at.to) {
		if p.partitions[at.from] {
			continue
		}
		text := fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s PARTITION OF runs FOR VALUES FROM (%d) TO (%d)", partitionOf(at), at.from, at.to)
		if _, err := db.ExecContext(ctx, text); err != nil && !duplicate(err) {
			return err
		}
		p.partitions[at.from] = true
	}
	return nil
}

const partitionFormat = "runs_20060102"

func partitionOf(at span) string { return time.UnixMilli(at.from).UTC().Format(partitionFormat) }

// refuses reports a data exception (class 22 of SQLSTATE).
func (*postgres) refuses(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && strings.HasPrefix(e.Code, "22")
}

// duplicate reports whether another process has created the table at the same time.
func duplicate(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "42P07" || e.Code == "23505")
}

// arrays are the types of columns in PostgreSQL.
var arrays = map[string]string{
	"id": "uuid", "at": "bigint", "flow": "bigint", "attempt": "integer", "crashes": "integer", "started": "bigint", "finished": "bigint", "took": "bigint",
	"made": "bigint", "record": "bytea", "payload": "bytea", "size": "integer", "expires": "bigint", "values_expire": "bigint",
}

// postgresColumns are the columns that write fills in, and postgresWrite is its statement, with an array for each of them.
var postgresColumns, postgresWrite = func() (names []string, text string) {
	names = slices.Concat(columns, []string{"made", "words"})
	sources, updates := make([]string, len(names)), []string{}
	for i, name := range names {
		sources[i] = fmt.Sprintf("$%d::%s[]", i+1, kindOf(name))
		if name != "id" && name != "made" {
			updates = append(updates, name+" = excluded."+name)
		}
	}
	return names, "INSERT INTO runs (" + strings.Join(names, ", ") + ") SELECT " + strings.Join(columns, ", ") + ", made, array_to_tsvector(string_to_array(nullif(words, ''), ' '))" +
		" FROM unnest(" + strings.Join(sources, ", ") + ") AS new (" + strings.Join(names, ", ") + ")" +
		" ON CONFLICT (id, made) DO UPDATE SET " + strings.Join(updates, ", ") + " WHERE NOT runs.erased"
}()

// kindOf returns the type of a column.
func kindOf(name string) string { return cmp.Or(arrays[name], "text") }

// write sends each column as an array, so that a batch is one statement.
func (p *postgres) write(ctx context.Context, tx *sql.Tx, rows []row) ([]bool, error) {
	all := make([][]any, len(postgresColumns))
	for i := range rows {
		for j, v := range append(rows[i].values(p), madeAt(rows[i].ID), strings.Join(rows[i].words, " ")) {
			all[j] = append(all[j], v)
		}
	}
	args := make([]any, len(all))
	for i, name := range postgresColumns {
		args[i] = column(kindOf(name), all[i])
	}
	inserted, err := p.notStored(ctx, tx, rows)
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, postgresWrite, args...)
	return inserted, err
}

// notStored reports of each run whether it is new. Other writers wait until the transaction ends.
func (p *postgres) notStored(ctx context.Context, tx *sql.Tx, rows []row) ([]bool, error) {
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(writeLock)); err != nil {
		return nil, err
	}
	ids, made := make([]string, len(rows)), make([]int64, len(rows))
	byID := make(map[string]int, len(rows))
	inserted := make([]bool, len(rows))
	for i := range rows {
		ids[i], made[i] = rows[i].ID, madeAt(rows[i].ID)
		byID[rows[i].ID], inserted[i] = i, true
	}
	found, err := tx.QueryContext(ctx, "SELECT id FROM runs WHERE (id, made) IN (SELECT * FROM unnest($1::uuid[], $2::bigint[]))", ids, made)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		var id runID
		if err := found.Scan(&id); err != nil {
			return nil, err
		}
		inserted[byID[string(id)]] = false
	}
	return inserted, found.Err()
}

// column returns the values of a column as an array of one type, with nil for NULL.
func column(kind string, values []any) any {
	switch kind {
	case "bigint", "integer":
		out := make([]*int64, len(values))
		for i, v := range values {
			switch v := v.(type) {
			case int64:
				out[i] = &v
			case int:
				n := int64(v)
				out[i] = &n
			}
		}
		return out
	case "bytea":
		out := make([][]byte, len(values))
		for i, v := range values {
			out[i], _ = v.([]byte)
		}
		return out
	}
	out := make([]*string, len(values))
	for i, v := range values {
		if text, ok := v.(string); ok {
			out[i] = &text
		}
	}
	return out
}

func (*postgres) matching(s *statement, words []string, _ span) string {
	parts := make([]string, len(words))
	for i, word := range words {
		plain, prefix := strings.CutSuffix(word, "*")
		if parts[i] = "'" + plain + "'"; prefix { // a word has letters and digits only
			parts[i] += ":*"
		}
	}
	return "words @@ " + s.arg(strings.Join(parts, " & ")) + "::tsquery"
}

// partitionNames returns the partitions with their days.
func (*postgres) partitionNames(ctx context.Context, db *sql.DB) (map[string]span, error) {
	rows, err := db.QueryContext(ctx, "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'runs'::regclass")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names := map[string]span{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		if made, err := time.Parse(partitionFormat, name); err == nil {
			names[name] = dayOf(made.UnixMilli())
		}
	}
	return names, rows.Err()
}

// days returns the days of the partitions. The runs of a partition may have been accepted on the day before or after.
func (p *postgres) days(ctx context.Context, db *sql.DB, all span) ([]span, error) {
	names, err := p.partitionNames(ctx, db)
	if err != nil {
		return nil, err
	}
	has := map[span]bool{}
	for _, at := range names {
		for _, d := range []span{dayOf(at.to), at, dayOf(at.from - 1)} {
			if d.from < all.to && d.to > all.from {
				has[d] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(has), func(a, b span) int { return cmp.Compare(b.from, a.from) }), nil
}
