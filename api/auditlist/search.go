package auditlist

import (
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/audit"
)

// The parameters that choose entries, beside those of a listing. With one of them, or with a cursor, a page is found in constant time
// whatever its place, and is the newest first.
var searchParams = []string{"who", "what", "kind", "object", "outcome", "via", "from", "to", "q"} // read only

// Search is a request for entries that parameters choose.
type Search struct {
	audit.Query
	Cursor string // id behind which the page begins; empty: at the newest one
	Size   int
}

// Searches reports whether a query string is to be read by ParseSearch, not by Parse.
func Searches(params url.Values) bool {
	return params.Has(listing.ParamCursor) || slices.ContainsFunc(searchParams, params.Has)
}

// ParseSearch reads the parameters of a search, and the filter of a listing, which narrows it. zone is that of dates without one. Errors are
// *listing.Error.
func ParseSearch(params url.Values, zone *time.Location) (*Search, *listing.Query[audit.Entry], error) {
	schema := schema()
	schema.Cursor, schema.Others = true, searchParams
	q, err := listing.ParseParams(params, schema)
	if err != nil {
		return nil, nil, err
	}
	if down, alone := q.OrderedBy("at"); !down || !alone || q.Page != 1 {
		return nil, nil, &listing.Error{Param: listing.ParamOrder, Message: "a search by who, what, kind, object, outcome, via, from, to, q or cursor is in the order of the log, and goes on with cursor"}
	}
	s := &Search{Cursor: q.Cursor, Size: q.PageSize, Query: audit.Query{
		Who: params.Get("who"), What: params.Get("what"), Kind: params.Get("kind"), Object: params.Get("object"), Outcome: audit.Outcome(params.Get("outcome")),
		Via: params.Get("via"), Text: params.Get("q"),
	}}
	if s.Kind != "" && !slices.Contains(audit.Kinds, s.Kind) {
		return nil, nil, &listing.Error{Param: "kind", Message: "there is no such kind"}
	}
	if s.Outcome != "" && !slices.Contains([]audit.Outcome{audit.Done, audit.Refused, audit.Failed}, s.Outcome) {
		return nil, nil, &listing.Error{Param: "outcome", Message: "is done, refused or failed"}
	}
	if s.From, err = moment(params, "from", zone, 0); err == nil {
		s.To, err = moment(params, "to", zone, 24*time.Hour-time.Millisecond)
	}
	if err != nil {
		return nil, nil, err
	}
	if q.Filtered() {
		s.Also = q.Match
	}
	return s, q, nil
}

// moment reads a time, or a date, to which it adds within; zero: there is none.
func moment(params url.Values, name string, zone *time.Location, within time.Duration) (time.Time, error) {
	text := params.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	if at, err := time.ParseInLocation("2006-01-02T15:04", text, zone); err == nil {
		return at, nil
	}
	at, err := time.ParseInLocation(time.DateOnly, text, zone)
	if err != nil {
		return at, &listing.Error{Param: name, Message: "is a time as 2026-11-30T18:00:00Z, or a date as 2026-11-30"}
	}
	return at.Add(within), nil
}

// Find returns the page of a search. It reads audit.ScanLimit entries at most, and the page then says how far they go. Errors: *listing.Error for
// a cursor that is none.
func Find(ctx context.Context, log *audit.Log, s *Search) (listing.Page[audit.Entry], error) {
	found, err := log.Page(ctx, s.Query, s.Cursor, s.Size)
	if err == audit.ErrNotFound {
		err = &listing.Error{Param: listing.ParamCursor, Message: "is no cursor of this list"}
	}
	page := listing.Page[audit.Entry]{Items: make([]audit.Entry, len(found.Entries)), Page: 1, PageSize: s.Size, Total: len(found.Entries), Next: found.Next, AtLeast: found.Next != "" || s.Cursor != ""}
	for i, e := range found.Entries {
		page.Items[i] = *e
	}
	if !found.Back.IsZero() {
		page.Looked, page.LookedBackTo = found.Looked, &found.Back
	}
	if found.Missing {
		page.Warning, page.AtLeast = historyAway, true
	}
	return page, err
}
