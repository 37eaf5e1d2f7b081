package listing

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Page is the answer of a listing.
type Page[T any] struct {
	Items    []T `json:"items"` // never null
	Page     int `json:"page"`
	PageSize int `json:"page_size"`
	Total    int `json:"total"` // items on all pages

	// AtLeast says that there are more items than were counted.
	AtLeast bool `json:"total_at_least,omitempty"`

	// Next is the cursor with which the listing goes on behind this page; empty:
	// with the next page number, or there is nothing more.
	Next string `json:"next_cursor,omitempty"`

	// Looked and LookedBackTo say of a page that is not full although there may
	// be more how many items were looked at, and until which moment.
	Looked       int        `json:"looked_at,omitempty"`
	LookedBackTo *time.Time `json:"looked_back_to,omitempty"`
}

// Apply filters, orders and cuts a list that is in memory. The list keeps its
// own order where the query names none.
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

// Offset is how many items come before the page.
func (q *Query[T]) Offset() int { return (q.Page - 1) * q.PageSize }

// Cut takes the page out of all matches, which are in order.
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

// Reader takes a page out of items that come one by one, in the order that
// was asked for, and keeps no others. It is for one goroutine.
type Reader[T any] struct {
	query *Query[T]
	page  Page[T]
}

// Reader begins to read the page.
func (q *Query[T]) Reader() *Reader[T] {
	return &Reader[T]{q, Page[T]{Items: []T{}, Page: q.Page, PageSize: q.PageSize}}
}

// Add takes the next item, and reports whether the page needs more to be full
// and to know of a page after it.
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

// Page is what was read. Its total counts the matches that were added.
func (r *Reader[T]) Page() Page[T] { return r.page }

// Links is the value of the Link header (RFC 8288) of a page at a path:
// first, prev, next and last, where there are such pages; next is the page behind
// the cursor if there is one. The links keep the
// caller's other parameters.
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
