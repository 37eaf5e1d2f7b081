package history

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/penstock/penstock/queue"
)

// Expired says what was deleted.
type Expired struct {
	Runs   int // deleted runs
	Values int // runs whose values were deleted

	Entries int // deleted entries of logs
}

// expireBatch is the number of runs that are deleted in one transaction.
const expireBatch = 2000

// Expire deletes what has expired, except for runs that are held, and makes older statistics coarser. Errors: ErrUnavailable.
func (h *DB) Expire(ctx context.Context, now time.Time) (all Expired, err error) {
	if err := h.ready(ctx); err != nil {
		return all, err
	}
	for more := true; more && ctx.Err() == nil; {
		var e Expired
		e, more, err = h.dialect.expire(ctx, h, now.UnixMilli())
		all.Runs, all.Values = all.Runs+e.Runs, all.Values+e.Values
		if err != nil {
			return all, unavailable(err)
		}
	}
	if all.Entries, err = h.expireEntries(ctx, now); err != nil {
		return all, err
	}
	return all, h.ageStats(ctx, now)
}

// KeepTidy deletes what has expired, every few minutes, until ctx ends.
func (h *DB) KeepTidy(ctx context.Context, log *slog.Logger) error {
	const every = 5 * time.Minute
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if e, err := h.Expire(ctx, time.Now()); err != nil && ctx.Err() == nil {
			log.Warn("delete expired runs of the history", "error", err)
		} else if e != (Expired{}) {
			log.Info("history: deleted what has expired", "runs", e.Runs, "values", e.Values, "log_entries", e.Entries)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Hold keeps runs from being deleted, or no longer does, and returns how many there are. Errors: ErrUnavailable.
func (h *DB) Hold(ctx context.Context, ids []string, held bool) (n int, err error) {
	if err := h.ready(ctx); err != nil {
		return 0, err
	}
	for some := range slices.Chunk(ids, maxParameters) {
		s := &statement{dialect: h.dialect}
		result, err := h.writer.ExecContext(ctx, "UPDATE runs SET held = "+strconv.FormatBool(held)+" WHERE "+s.in("id", h.ids(some)), s.args...)
		if err != nil {
			return n, unavailable(err)
		}
		changed, _ := result.RowsAffected()
		n += int(changed)
	}
	return n, nil
}

// maxParameters is the number of ids in one statement.
const maxParameters = 500

// Erase deletes the values and the words of runs, and what the logs have about them, and keeps the fact that they ran. Runs that are held stay as they are.
// It returns those that were changed. Errors: ErrUnavailable.
func (h *DB) Erase(ctx context.Context, ids []string) (erased []string, err error) {
	erased, err = h.erase(ctx, ids)
	if err != nil || len(erased) == 0 {
		return erased, err
	}
	return erased, unavailable(h.dialect.purge(ctx, h.writer))
}

// erase is Erase without the purge of the files.
func (h *DB) erase(ctx context.Context, ids []string) (erased []string, err error) {
	for some := range slices.Chunk(ids, maxParameters) {
		var dropped []string
		err := h.inTransaction(ctx, func(tx *sql.Tx) (err error) {
			dropped, err = h.dropValues(ctx, tx, some)
			return err
		})
		if err != nil {
			return erased, unavailable(err)
		}
		erased = append(erased, dropped...)
	}
	return erased, nil
}

// dropValues deletes the values and the words of runs, and clears the messages of their errors. It returns those that are
// there and not held.
func (h *DB) dropValues(ctx context.Context, tx *sql.Tx, ids []string) (dropped []string, err error) {
	for _, id := range ids {
		s := &statement{dialect: h.dialect}
		where := s.isRun(id)
		var shard string
		var record []byte
		err := tx.QueryRowContext(ctx, "SELECT shard, record FROM runs WHERE "+where+" AND NOT held", s.args...).Scan(&shard, &record)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, unavailable(err)
		}
		a, err := unpackRun(id, shard, record, nil)
		if err == nil {
			err = a.Erase()
		}
		var decoded queue.Record
		if err == nil {
			decoded, err = a.Decode()
		}
		if err == nil {
			record, err = pack(a.Record)
		}
		if err != nil {
			return nil, err
		}
		text := "UPDATE runs SET payload = NULL, values_expire = NULL, message = CASE WHEN message IS NULL THEN NULL ELSE 'erased' END, erased = true, triage = " + s.arg(null(string(decoded.TriageState()))) + ", record = " + s.arg(record) + " WHERE " + where
		if _, err := tx.ExecContext(ctx, text, s.args...); err != nil {
			return nil, unavailable(err)
		}
		if err := h.dialect.dropWords(ctx, tx, id); err != nil {
			return nil, unavailable(err)
		}
		for _, table := range []string{"labels", "entries"} {
			about := &statement{dialect: h.dialect}
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE run = "+about.arg(h.dialect.id(id)), about.args...); err != nil {
				return nil, unavailable(err)
			}
		}
		dropped = append(dropped, id)
	}
	return dropped, nil
}

// expire implements dialect.
func (d sqlite) expire(ctx context.Context, h *DB, now int64) (e Expired, more bool, err error) {
	err = h.inTransaction(ctx, func(tx *sql.Tx) error {
		for _, text := range []string{
			"DELETE FROM words WHERE rowid IN (SELECT number FROM runs WHERE expires <= ?1 AND NOT held LIMIT ?2)",
			"DELETE FROM labels WHERE run IN (SELECT id FROM runs WHERE expires <= ?1 AND NOT held LIMIT ?2)",
		} {
			if _, err := tx.ExecContext(ctx, text, now, expireBatch); err != nil {
				return err
			}
		}
		if e.Runs, err = affected(tx.ExecContext(ctx, "DELETE FROM runs WHERE number IN (SELECT number FROM runs WHERE expires <= ?1 AND NOT held LIMIT ?2)", now, expireBatch)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM words WHERE rowid IN (SELECT number FROM runs WHERE values_expire <= ?1 AND NOT held LIMIT ?2)", now, expireBatch); err != nil {
			return err
		}
		e.Values, err = affected(tx.ExecContext(ctx, "UPDATE runs SET payload = NULL, values_expire = NULL WHERE number IN (SELECT number FROM runs WHERE values_expire <= ?1 AND NOT held LIMIT ?2)", now, expireBatch))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM days WHERE day < (SELECT coalesce(min(at), 0) FROM runs) - ?1", day)
		return err
	})
	if err == nil && e != (Expired{}) {
		_, err = h.writer.ExecContext(ctx, "PRAGMA incremental_vacuum(2000)")
	}
	if err == nil { // tells the planner of lists which indexes have few runs; a part of each index is looked at
		_, err = h.writer.ExecContext(ctx, "PRAGMA analysis_limit = 1000; ANALYZE runs")
	}
	return e, max(e.Runs, e.Values) == expireBatch, err
}

func (sqlite) dropWords(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM words WHERE rowid = (SELECT number FROM runs WHERE id = ?1)", sqlite{}.id(id))
	return err
}

func affected(r sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	return int(n), err
}

// expire implements dialect. It drops the partitions whose runs have all expired.
func (p *postgres) expire(ctx context.Context, h *DB, now int64) (e Expired, more bool, err error) {
	if e.Runs, err = p.dropPartitions(ctx, h, now); err != nil {
		return e, false, err
	}
	err = h.inTransaction(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, "DELETE FROM runs WHERE (id, made) IN (SELECT id, made FROM runs WHERE expires <= $1 AND NOT held LIMIT $2) RETURNING id", now, expireBatch)
		if err != nil {
			return err
		}
		var ids []string
		for rows.Next() {
			var id runID
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, string(id))
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		more = len(ids) == expireBatch
		e.Runs += len(ids)
		if _, err := tx.ExecContext(ctx, "DELETE FROM labels WHERE run = ANY($1::uuid[])", ids); err != nil {
			return err
		}
		e.Values, err = affected(tx.ExecContext(ctx, `UPDATE runs SET payload = NULL, words = NULL, values_expire = NULL
			WHERE (id, made) IN (SELECT id, made FROM runs WHERE values_expire <= $1 AND NOT held LIMIT $2)`, now, expireBatch))
		return err
	})
	return e, more || e.Values == expireBatch, err
}

// dropPartitions drops the partitions in which no run is left to be kept. It returns the number of their runs.
func (p *postgres) dropPartitions(ctx context.Context, h *DB, now int64) (dropped int, err error) {
	names, err := p.partitionNames(ctx, h.db)
	if err != nil {
		return 0, err
	}
	for name, at := range names {
		if at.to > now-day { // runs may still come
			continue
		}
		var kept bool
		if err := h.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM "+name+" WHERE expires > $1 OR held)", now).Scan(&kept); err != nil {
			return dropped, err
		}
		if kept {
			continue
		}
		err := h.inTransaction(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, "SET LOCAL lock_timeout = '2s'"); err != nil { // readers wait behind the lock
				return err
			}
			if _, err := tx.ExecContext(ctx, "LOCK TABLE "+name+" IN ACCESS EXCLUSIVE MODE"); err != nil {
				return err
			}
			if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM "+name+" WHERE expires > $1 OR held)", now).Scan(&kept); err != nil || kept {
				return err
			}
			var n int
			if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM "+name).Scan(&n); err != nil {
				return err
			}
			dropped += n
			_, err := tx.ExecContext(ctx, "DELETE FROM labels WHERE run IN (SELECT id FROM "+name+")")
			if err == nil {
				_, err = tx.ExecContext(ctx, "DROP TABLE "+name)
			}
			return err
		})
		if err != nil {
			return dropped, err
		}
		p.mu.Lock()
		delete(p.partitions, at.from)
		p.mu.Unlock()
	}
	return dropped, nil
}

func (*postgres) dropWords(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := tx.ExecContext(ctx, "UPDATE runs SET words = NULL WHERE id = $1 AND made = $2", id, madeAt(id))
	return err
}
