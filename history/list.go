package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/penstock/penstock/queue"
)

// listTime is how long one List looks through runs. It then returns what it has found and how far it has looked.
const listTime = 1500 * time.Millisecond

// The number of days that one statement looks through grows while a statement takes less than quickSpan, and falls back to one
// when it takes longer than slowSpan.
const (
	quickSpan = 20 * time.Millisecond
	slowSpan  = 150 * time.Millisecond
)

// readTime is the maximum duration of a Read.
const readTime = 5 * time.Second

// Read implements queue.History.
func (h *DB) Read(ctx context.Context, id string) (*queue.Archived, error) {
	if madeAt(id) == 0 {
		return nil, queue.ErrNotFound
	}
	if err := h.ready(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	s := &statement{dialect: h.dialect}
	var shard string
	var record, payload []byte
	text := "SELECT shard, record, payload FROM runs WHERE " + s.isRun(id)
	err := h.db.QueryRowContext(ctx, text, s.args...).Scan(&shard, &record, &payload)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, queue.ErrNotFound
	}
	if err != nil {
		return nil, unavailable(err)
	}
	a, err := unpackRun(id, shard, record, payload)
	return &a, err
}

// ReadAll implements queue.History.
func (h *DB) ReadAll(ctx context.Context, ids []string) (found []queue.Archived, err error) {
	s := &statement{dialect: h.dialect}
	var keys []any
	all := span{math.MaxInt64, 0}
	for _, id := range ids {
		if made := madeAt(id); made > 0 {
			keys = append(keys, h.dialect.id(id))
			all.from, all.to = min(all.from, made), max(all.to, made+1)
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	if err := h.ready(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	where := s.in("id", keys)
	if within := h.dialect.within(s, all); within != "" {
		where += " AND " + within
	}
	return h.recordsOf(ctx, "SELECT id, shard, record FROM runs WHERE "+where, s)
}

// List implements queue.History. It looks through the days that have runs, one after the other and more of them at a time
// while it finds nothing, so that it can tell how far it has come when there is no index for what is wanted.
func (h *DB) List(ctx context.Context, l queue.List) (runs []queue.Archived, reached *queue.Place, err error) {
	where, impossible := h.conditions(&l)
	if impossible {
		return nil, nil, nil
	}
	if err := h.ready(ctx); err != nil {
		return nil, nil, err
	}
	deadline := time.Now().Add(listTime)
	ctx, cancel := context.WithTimeout(ctx, 4*listTime) // one statement may take longer
	defer cancel()
	days, err := h.dialect.days(ctx, h.db, bounds(&l))
	if err != nil {
		return nil, nil, unavailable(err)
	}
	if l.Oldest {
		slices.Reverse(days)
	}
	for n := 1; len(days) > 0; {
		some := days[:min(n, len(days))]
		days = days[len(some):]
		begun := time.Now()
		found, err := h.listWithin(ctx, &l, where, join(some), l.Most-len(runs)+1)
		if err != nil {
			return nil, nil, err
		}
		if runs = append(runs, found...); len(runs) > l.Most {
			runs = runs[:l.Most]
			at := placeOf(&runs[len(runs)-1])
			return runs, &at, nil
		}
		switch took := time.Since(begun); {
		case len(found) > 0 || took > slowSpan:
			n = 1
		case took < quickSpan:
			n *= 2
		}
		if len(days) > 0 && time.Now().After(deadline) {
			return runs, lookedTo(&l, join(some)), nil
		}
	}
	return runs, nil, nil
}

// lookedTo is the position behind all runs of a span.
func lookedTo(l *queue.List, s span) *queue.Place {
	if l.Oldest {
		return &queue.Place{At: s.to - 1, ID: "ffffffff-ffff-ffff-ffff-ffffffffffff"}
	}
	return &queue.Place{At: s.from, ID: "00000000-0000-0000-0000-000000000000"}
}

func placeOf(a *queue.Archived) queue.Place {
	us, _ := strconv.ParseInt(a.Record["at"], 10, 64)
	return queue.Place{At: us / 1000, ID: a.ID}
}

// bounds returns the times of acceptance that a list can select.
func bounds(l *queue.List) span {
	s := span{0, time.Now().Add(48 * time.Hour).UnixMilli()}
	if !l.From.IsZero() {
		s.from = l.From.UnixMilli()
	}
	if !l.To.IsZero() {
		s.to = min(s.to, l.To.UnixMilli()+1)
	}
	switch {
	case l.After == queue.Place{}:
	case l.Oldest:
		s.from = max(s.from, l.After.At)
	default:
		s.to = min(s.to, l.After.At+1)
	}
	return s
}

func join(days []span) span {
	s := days[0]
	for _, d := range days {
		s.from, s.to = min(s.from, d.from), max(s.to, d.to)
	}
	return s
}

// listWithin returns the runs of a list that were accepted within a span.
func (h *DB) listWithin(ctx context.Context, l *queue.List, where func(*statement, span) string, within span, most int) ([]queue.Archived, error) {
	s := &statement{dialect: h.dialect}
	all := bounds(l)
	within.from, within.to = max(within.from, all.from), min(within.to, all.to)
	text := "SELECT id, shard, record FROM " + h.dialect.using(partialIndex(l)) + " WHERE at >= " + s.arg(within.from) + " AND at < " + s.arg(within.to) + where(s, within)
	order := "DESC"
	if l.Oldest {
		order = "ASC"
	}
	if l.After != (queue.Place{}) {
		sign := "<"
		if l.Oldest {
			sign = ">"
		}
		text += " AND (at, id) " + sign + " (" + s.arg(l.After.At) + ", " + s.arg(h.dialect.id(l.After.ID)) + ")"
	}
	text += fmt.Sprintf(" ORDER BY at %s, id %s LIMIT %s", order, order, s.arg(most))
	return h.recordsOf(ctx, text, s)
}

// recordsOf returns the runs that a statement finds, for id, shard and record, without their values.
func (h *DB) recordsOf(ctx context.Context, text string, s *statement) (found []queue.Archived, err error) {
	rows, err := h.db.QueryContext(ctx, text, s.args...)
	if err != nil {
		return nil, unavailable(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id runID
		var shard string
		var record []byte
		if err := rows.Scan(&id, &shard, &record); err != nil {
			return nil, unavailable(err)
		}
		a, err := unpackRun(string(id), shard, record, nil)
		if err != nil {
			return nil, err
		}
		found = append(found, a)
	}
	return found, unavailable(rows.Err())
}
