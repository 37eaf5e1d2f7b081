package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/internal/entrylog"
)

const (
	// chainedLog is the name of the log whose entries are a chain: they are deleted from its beginning on, and its source notes the last one
	// before.
	chainedLog = "audit"
	// expireChainsEvery is the interval of looking for entries of it that have expired.
	expireChainsEvery = time.Hour
)

// Chained is a LogSource whose entries are a chain. *audit.Log implements it.
type Chained interface {
	// BeforeExpiry notes that the entries up to one are about to be deleted.
	BeforeExpiry(ctx context.Context, last entrylog.Entry) error
}

// expireChains deletes what has expired of the logs that are chains, once in an interval.
func (a *LogArchiver) expireChains(ctx context.Context, now time.Time) error {
	if now.Sub(a.expired) < expireChainsEvery {
		return nil
	}
	for _, log := range a.config.Logs {
		if source, chained := log.Source.(Chained); chained {
			if _, err := a.config.History.expireChain(ctx, now, source); err != nil {
				return err
			}
		}
	}
	a.expired = now
	return nil
}

// expireChain deletes the first entries of the chain that have expired, and returns how many. An entry that has expired behind one that has
// not stays as long as that.
func (h *DB) expireChain(ctx context.Context, now time.Time, source Chained) (n int, err error) {
	last, found, err := h.lastExpired(ctx, now)
	if err != nil || !found {
		return 0, err
	}
	if err := source.BeforeExpiry(ctx, last); err != nil {
		return 0, err
	}
	for more := true; more && ctx.Err() == nil; {
		err := h.inTransaction(ctx, func(tx *sql.Tx) error {
			s := &statement{dialect: h.dialect}
			some, err := affected(tx.ExecContext(ctx, fmt.Sprintf(
				"DELETE FROM entries WHERE (log, at, seq) IN (SELECT log, at, seq FROM entries WHERE log = %s AND (at, seq) <= (%s, %s) ORDER BY at, seq LIMIT %s)",
				s.arg(chainedLog), s.arg(last.At), s.arg(last.Seq), s.arg(expireBatch)), s.args...))
			n, more = n+some, some == expireBatch
			return unavailable(err)
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// lastExpired returns the last one of the first entries of the chain that have expired; false: none has.
func (h *DB) lastExpired(ctx context.Context, now time.Time) (entrylog.Entry, bool, error) {
	if err := h.ready(ctx); err != nil {
		return entrylog.Entry{}, false, err
	}
	limited, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	s := &statement{dialect: h.dialect}
	var at, seq int64
	err := h.db.QueryRowContext(limited, "SELECT at, seq FROM entries WHERE log = "+s.arg(chainedLog)+" AND expires > "+s.arg(now.UnixMilli())+" ORDER BY at, seq LIMIT 1", s.args...).Scan(&at, &seq)
	before := &statement{dialect: h.dialect}
	where := "log = " + before.arg(chainedLog)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return entrylog.Entry{}, false, unavailable(err)
	default:
		where += " AND (at, seq) < (" + before.arg(at) + ", " + before.arg(seq) + ")"
	}
	found, err := h.readEntries(ctx, before, where+" ORDER BY at DESC, seq DESC LIMIT 1")
	if err != nil || len(found) == 0 {
		return entrylog.Entry{}, false, err
	}
	return found[0], true, nil
}
