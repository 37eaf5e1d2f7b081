package history

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/queue"
)

// columns are the columns of runs that write fills in, in the order of row.values. held is left as it is.
var columns = []string{
	"id", "at", "flow", "version", "queue", "shard", "principal", "state", "code", "step", "message", "worker", "attempt", "crashes",
	"started", "finished", "took", "triage", "replay_of", "resumed_from", "resumed_by", "replayed_by", "failure_of", "failure_run",
	"record", "payload", "size", "expires", "values_expire",
}

// wholeHours rounds a time up to an hour, so that an index of many of them is small.
func wholeHours(t time.Time) int64 { return t.Add(time.Hour - 1).Truncate(time.Hour).UnixMilli() }

// madeAt returns when the id of a run was made, unix ms; 0 for what is no run id.
func madeAt(id string) int64 {
	at, ok := queue.MadeAt(id)
	if !ok {
		return 0
	}
	return at.UnixMilli()
}

// values returns the values of columns.
func (r *row) values(d dialect) []any {
	var valuesExpire any
	if !r.ValuesExpire.IsZero() && r.payload != nil {
		valuesExpire = wholeHours(r.ValuesExpire)
	}
	return []any{
		d.id(r.ID), r.at, r.flow, r.version, r.queue, r.Queue, plain(r.principal), r.state, null(r.code), null(r.step), null(r.message), r.worker, r.attempt, r.crashes,
		nullNumber(r.started), nullNumber(r.finished), r.took, null(r.triage), null(r.replayOf), null(r.resumedFrom), null(r.resumedBy), null(r.replayedBy), null(r.failureOf), null(r.failureRun),
		r.record, nullBytes(r.payload), len(r.record) + len(r.payload), wholeHours(r.Expires), valuesExpire,
	}
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return plain(s)
}

// plain replaces NUL, which PostgreSQL has no text with.
func plain(s string) string { return strings.ReplaceAll(s, "\x00", "\uFFFD") }

func nullNumber(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

func nullBytes(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

// Write stores runs, each once: one that is there is replaced. Statistics count a run when it is new. Errors: ErrUnavailable,
// and that of a run whose record cannot be read.
func (h *DB) Write(ctx context.Context, runs []Run) error { return h.write(ctx, runs, true) }

// write is Write. counted: statistics count the new runs.
func (h *DB) write(ctx context.Context, runs []Run, counted bool) error {
	if len(runs) == 0 {
		return nil
	}
	rows := make([]row, 0, len(runs))
	first, last := int64(math.MaxInt64), int64(0)
	seen := make(map[string]bool, len(runs))
	for _, run := range slices.Backward(runs) { // of a run that comes twice the last one counts
		if seen[run.ID] {
			continue
		}
		seen[run.ID] = true
		r, err := makeRow(&run)
		if err != nil {
			return err
		}
		rows = append(rows, r)
		made := madeAt(run.ID)
		first, last = min(first, made), max(last, made)
	}
	slices.Reverse(rows)
	if err := h.ready(ctx); err != nil {
		return err
	}
	if err := h.dialect.prepare(ctx, h.writer, first, last); err != nil {
		return unavailable(err)
	}
	return h.inTransaction(ctx, func(tx *sql.Tx) error {
		isNew, err := h.dialect.write(ctx, tx, rows)
		if err == nil && counted {
			err = h.countRuns(ctx, tx, rows, isNew)
		}
		if err != nil {
			return unavailable(err)
		}
		return unavailable(h.writeLabels(ctx, tx, rows))
	})
}

// writeLabels replaces the labels of runs.
func (h *DB) writeLabels(ctx context.Context, tx *sql.Tx, rows []row) error {
	for i := range rows {
		r := &rows[i]
		for name, value := range r.Labels {
			s := &statement{dialect: h.dialect}
			text := fmt.Sprintf("INSERT INTO labels (name, value, at, run) SELECT %s, %s, at, id FROM runs WHERE %s AND NOT erased ON CONFLICT DO NOTHING",
				s.arg(name), s.arg(value), s.isRun(r.ID))
			if _, err := tx.ExecContext(ctx, text, s.args...); err != nil {
				return err
			}
		}
	}
	return nil
}
