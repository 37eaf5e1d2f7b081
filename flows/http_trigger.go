package flows

import (
	"net/http"
	"slices"
	"time"

	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/internal/pathtree"
	"github.com/penstock/penstock/internal/payload"
)

// HTTP is an http trigger: operations at paths of the flow's own.
type HTTP struct {
	Operations []*Operation // at least one; their names differ
	Headers    []string     // request headers that the flow's programs name, lower-case

	pushdown   bool // some program reads $listing: the flow filters, orders and cuts its output itself
	filterTree bool // some program reads $listing.filter, which expresses what $listing.filters cannot
}

// Operation is one method at one path. It is immutable.
type Operation struct {
	Name        string // unique in the flow: $event.operation
	Method      string // upper-case
	Path        pathtree.Template
	Summary     string
	Description string
	Deprecated  bool

	Params []HTTPParam // of the path, the query and headers, by name
	Scopes []HTTPScope // all of which the caller must hold; empty: flows:run for the flow
	Auth   []string    // of AuthBearer, AuthBasic and AuthKey; empty: anybody may call (auth: none)

	Body     any           // JSON Schema of the request's body; nil: any body, or none
	BodyForm payload.Form  // how the body is read; empty: by its content type
	MaxBody  int64         // maximum size in bytes of a body with files; 0: files are part of the event
	Output   any           // JSON Schema of one output item, of the body with ResponseBody; nil: not declared
	Response string        // ResponseItems, ResponseOne, ResponsePage or ResponseBody
	Listing  *Listing      // nil: the operation takes no filter, order or page
	Cache    time.Duration // how old an answer from the cache may be; 0: every request is a run

	Line int // in the flow's file, from 1

	body *Validator // of Body; nil without
}

// The ways to authenticate at an operation.
const (
	AuthBearer = "bearer" // an access token
	AuthBasic  = "basic"  // name and password of a user
	AuthKey    = "key"    // the signature of an API key
	authNone   = "none"   // anybody may call
)

// How an operation answers with the output of its run.
const (
	ResponseItems = "items" // the array of the items
	ResponseOne   = "one"   // the only item; 404 when there is none
	ResponsePage  = "page"  // {items, page, page_size, total}, as the listings of the API
	ResponseBody  = "body"  // what a respond step says
)

// The places of a parameter.
const (
	InPath   = "path"
	InQuery  = "query"
	InHeader = "header"
)

// HTTPScope is a scope with its description; empty: none was given.
type HTTPScope struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// HTTPParam is a declared parameter of an operation.
type HTTPParam struct {
	Name        string
	In          string // InPath, InQuery or InHeader
	Type        string // string, integer, number, boolean or array
	Items       string // of an array: the type of its elements
	Explode     bool   // of an array in the query: commas do not separate elements
	Format      string // date, date-time, time, uuid, email or uri; empty: any text
	Enum        []any  // allowed values; nil: all
	Min, Max    *float64
	Default     any // nil: none
	Required    bool
	Description string
}

// Listing says how the items of an operation may be filtered, ordered and cut into pages.
type Listing struct {
	Filter      []ListingField // that filter= may compare
	Order       []ListingField // that order_by= may name
	Default     string         // the order without order_by, as a caller writes it; empty: as the flow returns the items
	MaxOrder    int            // fields of order_by, 1 to 8
	MaxPageSize int            // 1 to 1000
	Total       string         // member of the items that holds the number of all matches; empty: none
}

// ListingField is one field of a listing.
type ListingField struct {
	Name      string
	Type      string   // string, integer, number, boolean, date or date-time
	Operators []string // of a filter; nil: all that its type has
}

// DefaultPageSize is the size of a page for a caller that names none.
func (l *Listing) DefaultPageSize() int { return min(50, l.MaxPageSize) }

// Pushdown reports whether the flow itself filters, orders and cuts, because it reads $listing.
func (h *HTTP) Pushdown() bool { return h.pushdown }

// AnyFilter reports whether a flow with Pushdown takes filters that are more than comparisons joined by and.
func (h *HTTP) AnyFilter() bool { return h.filterTree }

// Operation returns the operation with a method and path; nil when there is none.
func (h *HTTP) Operation(method, path string) *Operation {
	if h == nil {
		return nil
	}
	at := slices.IndexFunc(h.Operations, func(o *Operation) bool { return o.Method == method && o.Path.String() == path })
	if at < 0 {
		return nil
	}
	return h.Operations[at]
}

// named returns the operation of a name; nil when there is none.
func (h *HTTP) named(name string) *Operation {
	at := slices.IndexFunc(h.Operations, func(o *Operation) bool { return o.Name == name })
	if at < 0 {
		return nil
	}
	return h.Operations[at]
}

// Param returns a declared parameter; nil when there is none.
func (o *Operation) Param(name string) *HTTPParam {
	at := slices.IndexFunc(o.Params, func(p HTTPParam) bool { return p.Name == name })
	if at < 0 {
		return nil
	}
	return &o.Params[at]
}

// Safe reports whether the method only reads (RFC 9110, section 9.2.1).
func (o *Operation) Safe() bool {
	return o.Method == http.MethodGet || o.Method == http.MethodHead || o.Method == http.MethodOptions
}

// Endpoint is the place of an operation, as it is stored with a deployed flow.
type Endpoint struct {
	Method string      `json:"method"`
	Path   string      `json:"path"` // the template
	Line   int         `json:"line"` // in the flow's file
	Scopes []HTTPScope `json:"scopes,omitempty"`
}

// Endpoints are the places of all operations; nil for a flow without an http trigger.
func (f *Flow) Endpoints() []Endpoint {
	if f.HTTP == nil {
		return nil
	}
	all := make([]Endpoint, len(f.HTTP.Operations))
	for i, o := range f.HTTP.Operations {
		all[i] = Endpoint{Method: o.Method, Path: o.Path.String(), Line: o.Line, Scopes: o.Scopes}
	}
	return all
}

// RefuseEndpoint returns a Problem at each operation for which refused returns a reason; nil when there is none. file
// is its name in messages.
func (f *Flow) RefuseEndpoint(file string, refused func(*Operation) (reason, hint string)) Problems {
	if f.HTTP == nil {
		return nil
	}
	r := newReport(file, f.Source)
	for _, o := range f.HTTP.Operations {
		if reason, hint := refused(o); reason != "" {
			r.add(yaml.Place{Line: o.Line, Column: 1}, hint, "%s %s: %s", o.Method, o.Path, reason)
		}
	}
	return r.found
}
