package history

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/internal/entrylog"
)

// entriesPerStatement is the number of entries that one statement writes.
const entriesPerStatement = 200

// WriteEntries stores entries of logs, each once, until they expire. Those about a run that was erased are left out. Errors:
// ErrUnavailable.
func (h *DB) WriteEntries(ctx context.Context, entries []entrylog.Entry, keep time.Duration) error {
	if len(entries) == 0 {
		return nil
	}
	return h.inTransaction(ctx, func(tx *sql.Tx) error {
		for len(entries) > 0 {
			some := entries[:min(len(entries), entriesPerStatement)]
			entries = entries[len(some):]
			if err := h.writeEntries(ctx, tx, some, keep); err != nil {
				return unavailable(err)
			}
		}
		return nil
	})
}

func (h *DB) writeEntries(ctx context.Context, tx *sql.Tx, entries []entrylog.Entry, keep time.Duration) error {
	s := &statement{dialect: h.dialect}
	values := make([]string, 0, len(entries))
	for _, e := range entries {
		var run any
		if e.Run != "" {
			erased, err := h.isErased(ctx, tx, e.Run)
			if err != nil {
				return err
			}
			if erased {
				continue
			}
			run = h.dialect.id(e.Run)
		}
		values = append(values, fmt.Sprintf("(%s, %s, %s, %s, %s, %s)", s.arg(e.Log), s.arg(e.At), s.arg(e.Seq), s.arg(run), s.arg(e.Text),
			s.arg(wholeHours(time.UnixMilli(e.At).Add(keep)))))
	}
	if len(values) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO entries (log, at, seq, run, text, expires) VALUES "+strings.Join(values, ", ")+" ON CONFLICT DO NOTHING", s.args...)
	return err
}

func (h *DB) isErased(ctx context.Context, tx *sql.Tx, run string) (erased bool, err error) {
	s := &statement{dialect: h.dialect}
	err = tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM runs WHERE "+s.isRun(run)+" AND erased)", s.args...).Scan(&erased)
	return erased, err
}

// Entries implements entrylog.History. Errors: ErrUnavailable.
func (h *DB) Entries(ctx context.Context, log string, r entrylog.Range, most int) ([]entrylog.Entry, error) {
	s := &statement{dialect: h.dialect}
	where, order := "log = "+s.arg(log), "DESC"
	if r.From != 0 {
		where += " AND at >= " + s.arg(r.From)
	}
	if r.To != 0 {
		where += " AND at <= " + s.arg(r.To)
	}
	sign := "<"
	if r.Oldest {
		sign, order = ">", "ASC"
	}
	if r.After != (entrylog.Place{}) {
		where += " AND (at, seq) " + sign + " (" + s.arg(r.After.At) + ", " + s.arg(r.After.Seq) + ")"
	}
	return h.readEntries(ctx, s, fmt.Sprintf("%s ORDER BY at %s, seq %s LIMIT %s", where, order, order, s.arg(most)))
}

// Entry returns the newest entry of a log with a number; false: there is none. Errors: ErrUnavailable.
func (h *DB) Entry(ctx context.Context, log string, seq int64) (entrylog.Entry, bool, error) {
	s := &statement{dialect: h.dialect}
	found, err := h.readEntries(ctx, s, "log = "+s.arg(log)+" AND seq = "+s.arg(seq)+" ORDER BY at DESC LIMIT 1")
	if err != nil || len(found) == 0 {
		return entrylog.Entry{}, false, err
	}
	return found[0], true, nil
}

func (h *DB) readEntries(ctx context.Context, s *statement, where string) (found []entrylog.Entry, err error) {
	if err := h.ready(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	rows, err := h.db.QueryContext(ctx, "SELECT log, at, seq, run, text FROM entries WHERE "+where, s.args...)
	if err != nil {
		return nil, unavailable(err)
	}
	defer rows.Close()
	for rows.Next() {
		var e entrylog.Entry
		var run sql.Null[runID]
		if err := rows.Scan(&e.Log, &e.At, &e.Seq, &run, &e.Text); err != nil {
			return nil, unavailable(err)
		}
		e.Run = string(run.V)
		found = append(found, e)
	}
	return found, unavailable(rows.Err())
}

// CountEntries implements entrylog.History. Errors: ErrUnavailable.
func (h *DB) CountEntries(ctx context.Context, log string, before entrylog.Place) (n int, err error) {
	if err := h.ready(ctx); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	s := &statement{dialect: h.dialect}
	err = h.db.QueryRowContext(ctx, "SELECT count(*) FROM entries WHERE log = "+s.arg(log)+" AND (at, seq) < ("+s.arg(before.At)+", "+s.arg(before.Seq)+")", s.args...).Scan(&n)
	return n, unavailable(err)
}

// expireEntries deletes what has expired of the logs that are no chains, and returns how many entries that were.
func (h *DB) expireEntries(ctx context.Context, now time.Time) (n int, err error) {
	for more := true; more && ctx.Err() == nil; {
		err := h.inTransaction(ctx, func(tx *sql.Tx) error {
			s := &statement{dialect: h.dialect}
			some, err := affected(tx.ExecContext(ctx, "DELETE FROM entries WHERE (log, at, seq) IN (SELECT log, at, seq FROM entries WHERE expires <= "+
				s.arg(now.UnixMilli())+" AND log <> "+s.arg(chainedLog)+" LIMIT "+s.arg(expireBatch)+")", s.args...))
			n, more = n+some, some == expireBatch
			return unavailable(err)
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
