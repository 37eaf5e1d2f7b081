// Package auditlist lists the audit log with filters and pages. It reads only the entries that a page needs.
package auditlist

import (
	"context"
	"slices"
	"time"

	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/store"
)

type entry = store.Entry

// Parse parses the query string of a listing. The default order is the newest entries first. Errors are
// *listing.Error.
func Parse(raw string) (*listing.Query[entry], error) {
	return listing.Parse(raw, listing.Schema[entry]{
		Order: "-at",
		Fields: []listing.Field[entry]{
			listing.Time("at", func(e *entry) time.Time { return e.At }),
			listing.Text("actor", func(e *entry) string { return e.Actor }),
			listing.Text("act", func(e *entry) string { return e.Act }),
			listing.Text("object", func(e *entry) string { return e.Object }),
			listing.Number("status", func(e *entry) int64 { return int64(e.Status) }),
			listing.Text("ip", func(e *entry) string { return e.IP }),
			listing.Text("request_id", func(e *entry) string { return e.RequestID }),
		},
	})
}

// Page reads one page of the log. In the order of the log it reads only the period that the filter allows for the
// field at, and stops when the page is full and the existence of a next page is known. The total of a filtered
// listing is then a lower bound, unless exact is true. In any other order it reads the whole period.
func Page(ctx context.Context, log *store.Audit, q *listing.Query[entry], exact bool) (listing.Page[entry], error) {
	down, alone := q.OrderedBy("at")
	within := store.AuditRange{Oldest: alone && !down}
	within.From, within.To = q.Between("at")
	if !alone {
		return sorted(ctx, log, q, within)
	}
	exact = exact && q.Filtered()
	reader := q.Reader()
	err := log.Scan(ctx, within, func(e *entry) bool { return reader.Add(e) || exact })
	page := reader.Page()
	if err != nil || q.Filtered() {
		page.AtLeast = page.AtLeast && !exact
		return page, err
	}
	page.Total, err = log.Len(ctx)
	page.AtLeast = false
	return page, err
}

func sorted(ctx context.Context, log *store.Audit, q *listing.Query[entry], within store.AuditRange) (listing.Page[entry], error) {
	var found []entry
	err := log.Scan(ctx, within, func(e *entry) bool {
		if q.Match(e) {
			found = append(found, *e)
		}
		return true
	})
	slices.SortStableFunc(found, func(a, b entry) int { return q.Compare(&a, &b) })
	return q.Cut(found), err
}
