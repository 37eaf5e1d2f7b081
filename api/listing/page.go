package listing

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Page is one page of a listing.
type Page[T any] struct {
	Items    []T `json:"items"` // never null
	Page     int `json:"page"`
	PageSize int `json:"page_size"`
	Total    int `json:"total"` // number of items on all pages

	// AtLeast says that Total is a lower bound.
	AtLeast bool `json:"total_at_least,omitempty"`

	// Next is the cursor of the next page; empty: the next page is requested by its number, or there is none.
	Next string `json:"next_cursor,omitempty"`

	// CountedBackTo is the time of the last item that Total counts, if it is a lower bound and the listing knows the time.
	CountedBackTo *time.Time `json:"counted_back_to,omitempty"`

	// Looked is the number of items that were read, and LookedBackTo the time of the last one. They are set for a
	// page that is not full although there may be more matches.
	Looked       int        `json:"looked_at,omitempty"`
	LookedBackTo *time.Time `json:"looked_back_to,omitempty"`

	// Warning says why items are missing; empty: none are.
	Warning string `json:"warning,omitempty"`
}

// Apply filters, orders and pages a list that is in memory. Without an order the list keeps its own.
func (q *Query[T]) Apply(items []T) Page[T] {
	var kept []T
	for i := range items {
		if q.Match(&items[i]) {
			kept = append(kept, items[i])
		}
	}
	slices.SortStableFunc(kept, func(a, b T) int { return q.Compare(&a, &b) })
	return q.Cut(kept)
}

// Offset returns the number of matches before the page.
func (q *Query[T]) Offset() int { return (q.Page - 1) * q.PageSize }

// Cut returns the page of all matches, which must be in order.
func (q *Query[T]) Cut(matches []T) Page[T] {
	from := min(q.Offset(), len(matches))
	to := min(from+q.PageSize, len(matches))
	return Page[T]{
		Items:    append([]T{}, matches[from:to]...),
		Page:     q.Page,
		PageSize: q.PageSize,
		Total:    len(matches),
	}
}

// Reader collects the items of a page from items that are added one by one, in the requested order. It is not safe
// for concurrent use.
type Reader[T any] struct {
	query *Query[T]
	page  Page[T]
}

// Reader returns a new Reader of the page.
func (q *Query[T]) Reader() *Reader[T] {
	return &Reader[T]{q, Page[T]{Items: []T{}, Page: q.Page, PageSize: q.PageSize}}
}

// Add adds the next item. It reports whether more items are needed to fill the page and to know whether there is a
// next one.
func (r *Reader[T]) Add(item *T) (more bool) {
	if !r.query.Match(item) {
		return !r.page.AtLeast
	}
	from := r.query.Offset()
	if r.page.Total >= from && len(r.page.Items) < r.page.PageSize {
		r.page.Items = append(r.page.Items, *item)
	}
	r.page.Total++
	r.page.AtLeast = r.page.Total > from+r.page.PageSize
	return !r.page.AtLeast
}

// Page returns the collected page. Its total is the number of matches that were added.
func (r *Reader[T]) Page() Page[T] { return r.page }

// Links returns the header Link (RFC 8288) of a page: first, prev, next and last, if they exist. next has the
// cursor if there is one. The links keep the other parameters of the request.
func (q *Query[T]) Links(path string, total int, atLeast bool, cursor string) string {
	last := max(1, (total+q.PageSize-1)/q.PageSize)
	var out []string
	add := func(relation string, page int) {
		out = append(out, "<"+q.link(path, page, q.Cursor)+`>; rel="`+relation+`"`)
	}
	add("first", 1)
	if q.Page > 1 {
		add("prev", min(q.Page-1, last))
	}
	switch {
	case cursor != "":
		out = append(out, "<"+q.link(path, 1, cursor)+`>; rel="next"`)
	case q.Page < last || atLeast && q.Page < maxPage:
		add("next", q.Page+1)
	}
	if !atLeast {
		add("last", last)
	}
	return strings.Join(out, ", ")
}

func (q *Query[T]) link(path string, page int, cursor string) string {
	params := maps.Clone(q.params)
	if params == nil {
		params = url.Values{}
	}
	params.Set(ParamPage, strconv.Itoa(page))
	params.Set(ParamPageSize, strconv.Itoa(q.PageSize))
	if cursor != "" {
		params.Set(ParamCursor, cursor)
	}
	return path + "?" + params.Encode()
}
