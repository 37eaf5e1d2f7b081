// Package auditlist lists the audit log with filters and pages. It reads only the entries that a page needs.
package auditlist

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/internal/entrylog"
)

type entry = audit.Entry

// Parse parses the query string of a listing. The default order is the newest entries first. Errors are
// *listing.Error.
func Parse(raw string) (*listing.Query[entry], error) {
	return listing.Parse(raw, schema())
}

func schema() listing.Schema[entry] {
	return listing.Schema[entry]{
		Order: "-at",
		Fields: []listing.Field[entry]{
			listing.Time("at", func(e *entry) time.Time { return e.At }),
			listing.Text("actor", func(e *entry) string { return e.Actor }),
			listing.Text("act", func(e *entry) string { return e.Act }),
			listing.Text("object", func(e *entry) string { return e.Object }),
			listing.Number("status", func(e *entry) int64 { return int64(e.Status) }),
			listing.Text("ip", func(e *entry) string { return e.IP }),
			listing.Text("request_id", func(e *entry) string { return e.RequestID }),
			listing.Text("message", func(e *entry) string { return e.Message }),
			listing.Text("operation", func(e *entry) string { return e.Operation }),
			listing.Text("kind", func(e *entry) string { return e.Kind }),
			listing.Text("subject", func(e *entry) string { return e.Subject }),
			listing.Text("outcome", func(e *entry) string { return string(e.Outcome) }),
			listing.Text("via", func(e *entry) string { return e.Via }),
		},
	}
}

// maxScanned is the maximum number of entries that are read for a page. It exceeds what Redis has.
const maxScanned = 200_000

// historyAway is the warning of a page without the entries of the history.
const historyAway = "The history does not answer: only entries that Redis still has are listed."

// Page reads one page of the log. In the order of the log it reads only the period that the filter allows for the
// field at, and stops when the page is full and the existence of a next page is known. The total of a filtered
// listing is then a lower bound. In any other order it reads the whole period. It reads 200,000
// entries at most, and the page then says how far they go.
func Page(ctx context.Context, log *audit.Log, q *listing.Query[entry]) (listing.Page[entry], error) {
	down, alone := q.OrderedBy("at")
	within := audit.Range{Oldest: alone && !down}
	within.From, within.To = q.Between("at")
	reader := q.Reader()
	var found []entry // in another order than that of the log
	looked, last, cut := 0, time.Time{}, false
	err := log.Scan(ctx, within, func(e *entry) bool {
		if cut = looked == maxScanned; cut {
			return false
		}
		looked, last = looked+1, e.At
		if alone {
			return reader.Add(e)
		}
		if q.Match(e) {
			found = append(found, *e)
		}
		return true
	})
	page := reader.Page()
	if !alone {
		slices.SortStableFunc(found, func(a, b entry) int { return q.Compare(&a, &b) })
		page = q.Cut(found)
	}
	if err == nil && alone && !q.Filtered() {
		page.Total, err = log.Len(ctx)
		page.AtLeast = false
	}
	if errors.Is(err, entrylog.ErrHistory) {
		page.Warning, page.AtLeast, err = historyAway, true, nil
	}
	if cut {
		page.AtLeast, page.Looked, page.LookedBackTo = true, looked, &last
	}
	return page, err
}
