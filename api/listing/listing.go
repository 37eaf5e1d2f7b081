// Package listing parses the parameters of listings, filter, order and page, and applies them.
package listing

import (
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

	// Cursor says that the listing accepts a cursor.
	Cursor bool

	// Order is the default order, in the syntax of order_by; empty: the order of the items.
	Order string
}

// Query is a parsed request for a listing. It does not change and is safe for concurrent use.
type Query[T any] struct {
	Page     int    // from 1
	PageSize int    // 1 to 200
	Cursor   string // next_cursor of an earlier page; empty: from the beginning

	filter node[T] // nil: all items match
	order  []orderKey[T]
	params url.Values // as sent, for the links
}

// Parse parses a raw query string. Errors are *Error.
func Parse[T any](raw string, s Schema[T]) (*Query[T], error) {
	params, err := readParams(raw, s.Cursor)
	if err != nil {
		return nil, err
	}
	q := &Query[T]{params: params, Cursor: params.Get(ParamCursor)}
	if q.Page, err = readNumber(params, ParamPage, 1, maxPage); err != nil {
		return nil, err
	}
	if q.PageSize, err = readNumber(params, ParamPageSize, defaultPageSize, maxPageSize); err != nil {
		return nil, err
	}
	order := s.Order
	if params.Has(ParamOrder) {
		order = params.Get(ParamOrder)
	}
	if q.order, err = parseOrder(order, s.Fields); err != nil {
		return nil, err
	}
	if params.Has(ParamFilter) {
		q.filter, err = parseFilter(params.Get(ParamFilter), s.Fields)
	}
	return q, err
}

// readParams parses the query string. Invalid, repeated and unknown parameters are errors.
func readParams(raw string, cursor bool) (url.Values, error) {
	params, err := url.ParseQuery(raw)
	if err != nil {
		return nil, &Error{Message: "the query string cannot be read: " + err.Error()}
	}
	known, names := []string{ParamFilter, ParamOrder, ParamPage, ParamPageSize}, "filter, order_by, page and page_size"
	if cursor {
		known, names = append(known, ParamCursor), "filter, order_by, page, page_size and cursor"
	}
	for _, name := range sortedNames(params) {
		if !slices.Contains(known, name) {
			return nil, &Error{Param: name, Message: "there is no such parameter; a listing takes " + names}
		}
		if len(params[name]) > 1 {
			return nil, &Error{Param: name, Message: "comes twice"}
		}
	}
	return params, nil
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
