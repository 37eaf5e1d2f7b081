// Package listing parses the parameters of listings, filter, order and page, and applies them.
package listing

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
)

// The parameters of a listing. All others are rejected.
const (
	ParamFilter   = "filter"
	ParamOrder    = "order_by"
	ParamPage     = "page"
	ParamPageSize = "page_size"
	ParamCursor   = "cursor" // only of listings with Schema.Cursor
)

const (
	defaultPageSize = 50
	maxPageSize     = 200
	maxPage         = 1_000_000
)

// Schema defines one listing: the fields by which its items can be filtered and ordered.
type Schema[T any] struct {
	Fields []Field[T]

	// OrderFields are those by which items may be ordered; nil: by all Fields.
	OrderFields []Field[T]

	// Cursor says that the listing takes a cursor, from which it goes on.
	Cursor bool

	// Order is the default order, in the syntax of order_by; empty: the order of the items.
	Order string

	// MaxOrder is how many fields an order may have; zero: 8.
	MaxOrder int

	// PageSize is the size of a page for a caller that names none, and
	// MaxPageSize the largest; zero: 50 and 200.
	PageSize, MaxPageSize int

	// Others are parameters that are not the listing's, and stay in its links.
	Others []string
}

// Query is a parsed request for a listing. It does not change and is safe for concurrent use.
type Query[T any] struct {
	Page     int    // from 1
	PageSize int    // 1 to 200
	Cursor   string // next_cursor of an earlier page; empty: from the beginning

	filter node[T] // nil: all
	loose  int     // the character of the filter from which on it is more than comparisons joined by and, from 1; 0: it is not
	order  []orderKey[T]
	params url.Values // as they came, for links
}

// Parse parses a raw query string. Errors are *Error.
func Parse[T any](raw string, s Schema[T]) (*Query[T], error) {
	params, err := url.ParseQuery(raw)
	if err != nil {
		return nil, &Error{Message: "the query string cannot be read: " + err.Error()}
	}
	return ParseParams(params, s)
}

// ParseParams reads the parameters of a query string. Errors are *Error.
func ParseParams[T any](params url.Values, s Schema[T]) (*Query[T], error) {
	err := checkParams(params, s.Cursor, s.Others)
	if err != nil {
		return nil, err
	}
	q := &Query[T]{params: params, Cursor: params.Get(ParamCursor)}
	if q.Page, err = readNumber(params, ParamPage, 1, maxPage); err != nil {
		return nil, err
	}
	if q.PageSize, err = readNumber(params, ParamPageSize, cmp.Or(s.PageSize, defaultPageSize), cmp.Or(s.MaxPageSize, maxPageSize)); err != nil {
		return nil, err
	}
	order := s.Order
	if params.Has(ParamOrder) {
		order = params.Get(ParamOrder)
	}
	orderFields := s.OrderFields
	if orderFields == nil {
		orderFields = s.Fields
	}
	if q.order, err = parseOrder(order, orderFields, cmp.Or(s.MaxOrder, maxOrder)); err != nil {
		return nil, err
	}
	if params.Has(ParamFilter) {
		q.filter, q.loose, err = parseFilter(params.Get(ParamFilter), s.Fields)
	}
	return q, err
}

// checkParams drops nothing: what comes twice or is not known is an error.
func checkParams(params url.Values, cursor bool, others []string) error {
	known, names := []string{ParamFilter, ParamOrder, ParamPage, ParamPageSize}, "filter, order_by, page and page_size"
	if cursor {
		known, names = append(known, ParamCursor), "filter, order_by, page, page_size and cursor"
	}
	for _, name := range sortedNames(params) {
		if slices.Contains(others, name) {
			continue
		}
		if !slices.Contains(known, name) {
			return &Error{Param: name, Message: "there is no such parameter; a listing takes " + names}
		}
		if len(params[name]) > 1 {
			return &Error{Param: name, Message: "comes twice"}
		}
	}
	return nil
}

func sortedNames(params url.Values) []string {
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func readNumber(params url.Values, name string, usual, most int) (int, error) {
	if !params.Has(name) {
		return usual, nil
	}
	n, err := strconv.Atoi(params.Get(name))
	if err != nil || n < 1 || n > most {
		return 0, &Error{Param: name, Message: "must be a whole number from 1 to " + strconv.Itoa(most)}
	}
	return n, nil
}
