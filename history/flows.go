package history

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/queue"
)

// FlowSummary are statistics of the runs of a flow.
type FlowSummary struct {
	Runs   int64 // that ended within the time
	Failed int64 // of them, those that failed or took too long
	P95    time.Duration
}

// LastRun is the run of a flow that was accepted last, among those that the history has.
type LastRun struct {
	ID         string
	State      queue.State
	AcceptedAt time.Time
}

// Flows returns statistics of each flow that had runs which ended within a time: of minutes of the last two days, of hours of the
// last 90, or of days. Errors: ErrManyFlows, ErrUnavailable.
func (h *DB) Flows(ctx context.Context, from, to time.Time) (map[int64]FlowSummary, error) {
	s := &statement{dialect: h.dialect}
	text := "SELECT flow, summary FROM stats WHERE " +
		s.in("width", []any{minute.Milliseconds(), hour.Milliseconds(), oneDay.Milliseconds()}) +
		" AND at >= " + s.arg(from.UnixMilli()) + " AND at < " + s.arg(to.UnixMilli()) + " AND flow <> 0 LIMIT " + s.arg(maxRead+1)
	rows, err := h.db.QueryContext(ctx, text, s.args...)
	if err != nil {
		return nil, unavailable(err)
	}
	n, found, took := 0, map[int64]FlowSummary{}, map[int64]*histogram{}
	err = eachStored(rows, func(flow int64, stored []byte) error {
		n++
		runs, failed, times, err := readBrief(stored)
		f := found[flow]
		f.Runs, f.Failed = f.Runs+runs, f.Failed+failed
		found[flow] = f
		if took[flow] == nil {
			took[flow] = &histogram{}
		}
		took[flow].merge(&times)
		return err
	})
	if err != nil {
		return nil, unavailable(err)
	}
	if n > maxRead {
		return nil, ErrManyFlows
	}
	for flow, f := range found {
		f.P95 = took[flow].percentile(95)
		found[flow] = f
	}
	return found, nil
}

// eachStored calls do for the flows and stored summaries of a query, and closes it. A summary is valid during the call.
func eachStored(rows *sql.Rows, do func(flow int64, stored []byte) error) error {
	defer rows.Close()
	for rows.Next() {
		var flow int64
		var stored sql.RawBytes
		if err := rows.Scan(&flow, &stored); err != nil {
			return err
		}
		if err := do(flow, stored); err != nil {
			return fmt.Errorf("summary of flow %d: %w", flow, err)
		}
	}
	return rows.Err()
}

// readBrief reads the beginning of a stored summary: how many runs there are, how many of them failed, and how long they took.
func readBrief(b []byte) (runs, failed int64, took histogram, err error) {
	if len(b) == 0 || b[0] != summaryFormat {
		return 0, 0, took, errSummary
	}
	r := &summaryReader{rest: b[1:]}
	runs = int64(r.number())
	for i := range r.length() {
		for range r.length() {
			size := r.length()
			value := r.rest[:size]
			r.rest = r.rest[size:]
			n := int64(r.number())
			if i == 0 && (string(value) == string(queue.Failed) || string(value) == string(queue.TimedOut)) { // ByState is the first property
				failed += n
			}
		}
	}
	took = r.histogram()
	if r.failed {
		return 0, 0, took, errSummary
	}
	return runs, failed, took, nil
}

// LastRuns returns the last run of each of these flows; flows without one are missing. Errors: ErrUnavailable.
func (h *DB) LastRuns(ctx context.Context, flows []int64) (map[int64]LastRun, error) {
	if err := h.ready(ctx); err != nil {
		return nil, err
	}
	found := map[int64]LastRun{}
	for some := range slices.Chunk(flows, periodsPerStatement) {
		last, err := h.lastRuns(ctx, some)
		if err != nil {
			return nil, unavailable(err)
		}
		maps.Copy(found, last)
	}
	return found, nil
}

func (h *DB) lastRuns(ctx context.Context, flows []int64) (map[int64]LastRun, error) {
	s := &statement{dialect: h.dialect}
	places := make([]string, len(flows))
	for i, flow := range flows {
		places[i] = fmt.Sprintf("(CAST(%s AS BIGINT))", s.arg(flow))
	}
	rows, err := h.db.QueryContext(ctx, h.dialect.lastRuns("(VALUES "+strings.Join(places, ", ")+")"), s.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[int64]LastRun{}
	for rows.Next() {
		var flow, at int64
		var id runID
		var state string
		if err := rows.Scan(&flow, &id, &state, &at); err != nil {
			return nil, err
		}
		found[flow] = LastRun{string(id), queue.State(state), time.UnixMilli(at)}
	}
	return found, rows.Err()
}
