package history

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A summary is of a minute, an hour or a day (UTC). Minutes become hours, and hours become days, when they are so old.
const (
	minute = time.Minute
	hour   = time.Hour
	oneDay = 24 * time.Hour

	keepMinutes = 2 * oneDay
	keepHours   = 90 * oneDay
	keepDays    = 2 * 366 * oneDay

	ageMargin = time.Hour // by which they are kept longer, since the clocks of processes differ
)

// period is a time of which there is a summary for each flow that had runs.
type period struct {
	flow      int64 // zero: all flows together
	width, at int64 // ms
}

func periodOf(flow int64, width time.Duration, at int64) period {
	w := width.Milliseconds()
	return period{flow, w, at - at%w}
}

// countRuns adds runs to the summaries of the minutes in which they ended, if they are new.
func (h *DB) countRuns(ctx context.Context, tx *sql.Tx, rows []row, isNew []bool) error {
	sums := map[period]*summary{}
	for i := range rows {
		if !isNew[i] {
			continue
		}
		for _, flow := range []int64{0, rows[i].flow} {
			of := periodOf(flow, minute, rows[i].finished/1000)
			if sums[of] == nil {
				sums[of] = newSummary()
			}
			sums[of].add(&rows[i].observation, flow != 0)
		}
	}
	return h.addSummaries(ctx, tx, sums)
}

// periodsPerStatement is the number of summaries that one statement reads or writes.
const periodsPerStatement = 500

// addSummaries merges summaries into those that are stored.
func (h *DB) addSummaries(ctx context.Context, tx *sql.Tx, sums map[period]*summary) error {
	if len(sums) == 0 {
		return nil
	}
	if err := h.dialect.lock(ctx, tx); err != nil {
		return err
	}
	periods := make([]period, 0, len(sums))
	for of := range sums {
		periods = append(periods, of)
	}
	for some := range slices.Chunk(periods, periodsPerStatement) {
		s := &statement{dialect: h.dialect}
		rows, err := tx.QueryContext(ctx, "SELECT flow, width, at, summary FROM stats WHERE "+s.inPeriods(some), s.args...)
		if err != nil {
			return err
		}
		if err := eachSummary(rows, func(of period, stored *summary) { sums[of].merge(stored) }); err != nil {
			return err
		}
		s = &statement{dialect: h.dialect}
		values := make([]string, len(some))
		for i, of := range some {
			sums[of].limit()
			values[i] = fmt.Sprintf("(%s, %s, %s, %s)", s.arg(of.flow), s.arg(of.width), s.arg(of.at), s.arg(sums[of].encode()))
		}
		text := "INSERT INTO stats (flow, width, at, summary) VALUES " + strings.Join(values, ", ") +
			" ON CONFLICT (flow, width, at) DO UPDATE SET summary = excluded.summary"
		if _, err := tx.ExecContext(ctx, text, s.args...); err != nil {
			return err
		}
	}
	return nil
}

// inPeriods returns the condition that a summary is one of those of the periods.
func (s *statement) inPeriods(periods []period) string {
	places := make([]string, len(periods))
	for i, of := range periods {
		places[i] = fmt.Sprintf("(CAST(%s AS BIGINT), CAST(%s AS BIGINT), CAST(%s AS BIGINT))", s.arg(of.flow), s.arg(of.width), s.arg(of.at))
	}
	return "(flow, width, at) IN (VALUES " + strings.Join(places, ", ") + ")"
}

// eachSummary calls do for the rows of a query, and closes them.
func eachSummary(rows *sql.Rows, do func(period, *summary)) error {
	defer rows.Close()
	for rows.Next() {
		var of period
		var stored []byte
		if err := rows.Scan(&of.flow, &of.width, &of.at, &stored); err != nil {
			return err
		}
		s, err := decodeSummary(stored)
		if err != nil {
			return fmt.Errorf("summary of flow %d at %d: %w", of.flow, of.at, err)
		}
		do(of, s)
	}
	return rows.Err()
}

// ageBatch is the number of summaries that become older ones in one transaction.
const ageBatch = 2000

// ageStats turns summaries of minutes into those of hours, and of hours into those of days, and deletes those that are too
// old. Errors: ErrUnavailable.
func (h *DB) ageStats(ctx context.Context, now time.Time) error {
	for _, level := range []struct {
		keep, width, next time.Duration // next: zero for none
	}{{keepMinutes, minute, hour}, {keepHours, hour, oneDay}, {keepDays, oneDay, 0}} {
		before := now.Add(-level.keep - ageMargin).Truncate(max(level.next, level.width)).UnixMilli()
		for more := true; more && ctx.Err() == nil; {
			err := h.inTransaction(ctx, func(tx *sql.Tx) (err error) {
				more, err = h.ageSome(ctx, tx, level.width, level.next, before)
				return unavailable(err)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *DB) ageSome(ctx context.Context, tx *sql.Tx, width, next time.Duration, before int64) (more bool, err error) {
	if err := h.dialect.lock(ctx, tx); err != nil {
		return false, err
	}
	s := &statement{dialect: h.dialect}
	text := "SELECT flow, width, at, summary FROM stats WHERE width = " + s.arg(width.Milliseconds()) + " AND at < " + s.arg(before) + " ORDER BY at LIMIT " + s.arg(ageBatch)
	rows, err := tx.QueryContext(ctx, text, s.args...)
	if err != nil {
		return false, err
	}
	var old []period
	sums := map[period]*summary{}
	err = eachSummary(rows, func(of period, sum *summary) {
		old = append(old, of)
		if next == 0 {
			return
		}
		wider := periodOf(of.flow, next, of.at)
		if sums[wider] == nil {
			sums[wider] = newSummary()
		}
		sums[wider].merge(sum)
	})
	if err != nil {
		return false, err
	}
	for some := range slices.Chunk(old, periodsPerStatement) {
		s := &statement{dialect: h.dialect}
		if _, err := tx.ExecContext(ctx, "DELETE FROM stats WHERE "+s.inPeriods(some), s.args...); err != nil {
			return false, err
		}
	}
	return len(old) == ageBatch, h.addSummaries(ctx, tx, sums)
}
