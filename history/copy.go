package history

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/penstock/penstock/internal/entrylog"
	"github.com/penstock/penstock/queue"
)

// copyBatch is the number of runs that Copy writes in one transaction.
const copyBatch = 500

// Copy writes all runs, logs and statistics to another history, which should be new. What is there is replaced, so that a copy that
// was interrupted can be made again. each is called with the number of runs copied so far. Errors: ErrUnavailable.
func (h *DB) Copy(ctx context.Context, to *DB, each func(runs int)) error {
	if err := h.ready(ctx); err != nil {
		return err
	}
	after, copied := queue.Place{}, 0
	for {
		runs, held, erased, err := h.copyable(ctx, after)
		if err != nil {
			return err
		}
		if len(runs) == 0 {
			if err := h.copyEntries(ctx, to); err != nil {
				return err
			}
			if err := h.copyStats(ctx, to); err != nil {
				return err
			}
			return unavailable(to.dialect.purge(ctx, to.writer))
		}
		after = placeOf(&runs[len(runs)-1].Archived)
		if err := to.write(ctx, runs, false); err != nil {
			return err
		}
		if _, err := to.Hold(ctx, idsOf(runs), false); err != nil { // as an earlier copy left them; one that is held is not erased
			return err
		}
		if _, err := to.erase(ctx, erased); err != nil {
			return err
		}
		if _, err := to.Hold(ctx, held, true); err != nil {
			return err
		}
		copied += len(runs)
		each(copied)
	}
}

func idsOf(runs []Run) []string {
	ids := make([]string, len(runs))
	for i := range runs {
		ids[i] = runs[i].ID
	}
	return ids
}

// copyable returns the next runs in the order of acceptance, and which of them are held or erased.
func (h *DB) copyable(ctx context.Context, after queue.Place) (runs []Run, held, erased []string, err error) {
	s := &statement{dialect: h.dialect}
	text := fmt.Sprintf("SELECT id, shard, record, payload, expires, values_expire, held, erased FROM runs WHERE (at, id) > (%s, %s) ORDER BY at, id LIMIT %d",
		s.arg(after.At), s.arg(h.dialect.id(after.ID)), copyBatch)
	rows, err := h.db.QueryContext(ctx, text, s.args...)
	if err != nil {
		return nil, nil, nil, unavailable(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id runID
		var shard string
		var record, payload []byte
		var expires int64
		var valuesExpire sql.NullInt64
		var isHeld, isErased bool
		if err := rows.Scan(&id, &shard, &record, &payload, &expires, &valuesExpire, &isHeld, &isErased); err != nil {
			return nil, nil, nil, unavailable(err)
		}
		a, err := unpackRun(string(id), shard, record, payload)
		if err != nil {
			return nil, nil, nil, err
		}
		run := Run{Archived: a, Expires: time.UnixMilli(expires)}
		if valuesExpire.Valid {
			run.ValuesExpire = time.UnixMilli(valuesExpire.Int64)
		}
		decoded, err := run.record()
		if err != nil {
			return nil, nil, nil, err
		}
		run.Labels = decoded.Labels
		if runs = append(runs, run); isHeld {
			held = append(held, string(id))
		}
		if isErased {
			erased = append(erased, string(id))
		}
	}
	return runs, held, erased, unavailable(rows.Err())
}

// copyEntries writes all entries of logs to another history.
func (h *DB) copyEntries(ctx context.Context, to *DB) error {
	return to.inTransaction(ctx, func(tx *sql.Tx) error {
		rows, err := h.db.QueryContext(ctx, "SELECT log, at, seq, run, text, expires FROM entries")
		if err != nil {
			return unavailable(err)
		}
		defer rows.Close()
		for rows.Next() {
			var e entrylog.Entry
			var run sql.Null[runID]
			var expires int64
			if err := rows.Scan(&e.Log, &e.At, &e.Seq, &run, &e.Text, &expires); err != nil {
				return unavailable(err)
			}
			e.Run = string(run.V)
			if err := to.writeEntries(ctx, tx, []entrylog.Entry{e}, time.Duration(expires-e.At)*time.Millisecond); err != nil {
				return unavailable(err)
			}
		}
		return unavailable(rows.Err())
	})
}

// copyStats replaces the statistics of another history.
func (h *DB) copyStats(ctx context.Context, to *DB) error {
	return to.inTransaction(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM stats"); err != nil {
			return unavailable(err)
		}
		rows, err := h.db.QueryContext(ctx, "SELECT flow, width, at, summary FROM stats")
		if err != nil {
			return unavailable(err)
		}
		defer rows.Close()
		for rows.Next() {
			var flow, width, at int64
			var summary []byte
			if err := rows.Scan(&flow, &width, &at, &summary); err != nil {
				return unavailable(err)
			}
			s := &statement{dialect: to.dialect}
			text := fmt.Sprintf("INSERT INTO stats (flow, width, at, summary) VALUES (%s, %s, %s, %s)", s.arg(flow), s.arg(width), s.arg(at), s.arg(summary))
			if _, err := tx.ExecContext(ctx, text, s.args...); err != nil {
				return unavailable(err)
			}
		}
		return unavailable(rows.Err())
	})
}
