package flows

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/flows/problem"
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
	Detailed bool          // errors: detailed
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
func (f *Flow) RefuseEndpoint(file string, refused func(*Operation) (reason, hint string)) problem.List {
	if f.HTTP == nil {
		return nil
	}
	r := problem.NewReport(file, f.Source)
	for _, o := range f.HTTP.Operations {
		if reason, hint := refused(o); reason != "" {
			r.Add(mistake.TakenPath, yaml.Place{Line: o.Line, Column: 1}, hint, "%s %s: %s", o.Method, o.Path, reason)
		}
	}
	return r.Found
}

// httpParams are the fields of one operation of an http trigger. The first seven are its method, with the path.
var httpParams = append(methodParams(),
	Param{Name: "name", Type: TypeString, Summary: "The name of the operation, `$event.operation`; needed when two have the same method.", Default: "the method"},
	Param{Name: "summary", Type: TypeString, Summary: "What the operation does, in a few words, for the documentation of the API."},
	Param{Name: "description", Type: TypeString, Summary: "Further information for callers, in Markdown."},
	Param{Name: "deprecated", Type: TypeBool, Default: "false", Summary: "Whether callers should stop using it, for the documentation of the API."},
	Param{Name: "params", Type: TypeMap, Fields: httpParamParams, Summary: "Parameters of the path, the query and headers, which programs read as `$params.NAME`. Those of the path are texts if they are not named here."},
	Param{Name: "scopes", Type: TypeMap, Fields: scopeParams, Summary: "Scopes of your own making, all of which the caller must hold: `resource:act`, with a description. Without any, `flows:run` for the flow."},
	Param{Name: "auth", Type: TypeStrings, Default: "bearer, basic, key", Summary: "How callers may authenticate: `bearer` (access token), `basic` (a user's password), `key` (signature of an API key). `none` lets in anybody."},
	Param{Name: "schema", Type: TypeLiteral, Summary: "JSON Schema of the request's body, of POST, PUT, PATCH and DELETE; a body that violates it is refused with 422."},
	Param{Name: "body", Type: TypeEnum, Enum: bodyForms, Default: "auto", Summary: bodySummary},
	Param{Name: "max_body", Type: TypeString, Summary: maxBodySummary},
	Param{Name: "output_schema", Type: TypeLiteral, Summary: "JSON Schema of one output item, in place of the flow's."},
	Param{Name: "response", Type: TypeEnum, Enum: []string{ResponseItems, ResponseOne, ResponsePage, ResponseBody}, Default: ResponseItems, Summary: "The body of the answer: the array of the items; the only item, 404 when there is none; a page as the API's own listings have it, with `listing`; or what a `respond` step says."},
	Param{Name: "listing", Type: TypeObject, Fields: listingParams, Summary: "The operation takes `filter`, `order_by`, `page` and `page_size`. Programs read them as `$listing`; if none does, they are applied to the output."},
	errorsParam,
	Param{Name: "cache", Type: TypeDuration, Summary: "How old an answer to GET may be when the same caller repeats a request: until then there is no further run. 1s to 24h."},
)

// httpMethods are the fields with the method of an operation, in the order of the documentation.
var httpMethods = []string{"get", "head", "post", "put", "patch", "delete", "options"}

func methodParams() []Param {
	all := make([]Param, len(httpMethods))
	for i, method := range httpMethods {
		all[i] = Param{Name: method, Type: TypeString, OneOf: "operation", Hint: "write {name} for a part that varies", Summary: httpMethodSummaries[method]}
	}
	return all
}

var httpMethodSummaries = map[string]string{
	"get":     "The path, as in `/people/{id}`: requests with GET run the flow, and with HEAD.",
	"head":    "The path for HEAD alone.",
	"post":    "The path for POST.",
	"put":     "The path for PUT.",
	"patch":   "The path for PATCH.",
	"delete":  "The path for DELETE.",
	"options": "The path for OPTIONS, which is otherwise answered with the methods that there are.",
}

var httpParamParams = []Param{
	{Name: "type", Type: TypeEnum, Inline: true, Enum: []string{"string", "integer", "number", "boolean", "array"}, Default: "string", Summary: "Its type. An array is written with commas, or by repeating the parameter."},
	{Name: "explode", Type: TypeBool, Default: "false", Summary: "Whether an array in the query is written only by repeating the parameter, so that its elements may have commas."},
	{Name: "in", Type: TypeEnum, Enum: []string{InPath, InQuery, InHeader}, Summary: "Where it is: in the path if the path has it, else in the query."},
	{Name: "items", Type: TypeEnum, Enum: []string{"string", "integer", "number", "boolean"}, Default: "string", Summary: "The type of the elements of an array."},
	{Name: "format", Type: TypeEnum, Enum: []string{"date", "date-time", "time", "uuid", "email", "uri"}, Summary: "The form of a text."},
	{Name: "enum", Type: TypeLiteral, Summary: "The list of the values that are allowed."},
	{Name: "min", Type: TypeLiteral, Summary: "The least value of a number, or the least length of a text or array."},
	{Name: "max", Type: TypeLiteral, Summary: "The greatest value, or length."},
	{Name: "default", Type: TypeLiteral, Summary: "Its value when a request does not have it; without one it is null."},
	{Name: "required", Type: TypeBool, Default: "false", Summary: "Whether a request without it is refused. One of the path always is."},
	{Name: "description", Type: TypeString, Summary: "What it means, for the documentation of the API."},
}

var scopeParams = []Param{
	{Name: "description", Type: TypeString, Inline: true, Summary: "What the scope allows, for who grants it."},
}

var listingParams = []Param{
	{Name: "filter", Type: TypeMap, Fields: listingFieldParams, Summary: "The fields of items that `filter` may compare."},
	{Name: "order_by", Type: TypeMap, Fields: listingFieldParams[:1], Summary: "The fields that `order_by` may name."},
	{Name: "default_order", Type: TypeString, Summary: "The order of a request without `order_by`, as in `-created,name`; without one, that in which the flow returns the items."},
	{Name: "max_order", Type: TypeInt, Default: "8", Summary: "How many fields `order_by` may name, 1 to 8."},
	{Name: "page_size", Type: TypeInt, Default: "200", Summary: "The largest page that a caller may ask for, 1 to 1000. Who does not ask gets 50, or this if it is smaller."},
	{Name: "total", Type: TypeString, Summary: "When programs read `$listing`: the member of each item that holds the number of all matches. It is removed from the items."},
}

var listingFieldParams = []Param{
	{Name: "type", Type: TypeEnum, Inline: true, Enum: listingTypes, Default: "that of the output schema, else string", Summary: "The type of the field."},
	{Name: "operators", Type: TypeStrings, Default: "all that its type has", Summary: "Operators that `filter` may use with it: eq, ne, lt, le, gt, ge, in, contains."},
}

// listingTypes are the types of fields by which items are filtered and ordered.
var listingTypes = []string{"string", "integer", "number", "boolean", "date", "date-time"}

// ReservedPaths are the paths of the server itself, which no http trigger may have. One that ends in /* stands for
// itself and all below. A test holds the list against the routes of the front door, another against the documentation.
// Read only.
var ReservedPaths = []string{
	"/v1/*", "/hooks/*", "/callbacks/*", "/console/*", "/developers/*", "/docs/*", "/oauth/*", "/oauth2/*", "/.well-known/*",
	"/mcp", "/apis/execute", "/apis/execute.php", "/token", "/appservices/token",
	"/openapi.json", "/openapi.yaml", "/llms.txt", "/llms-full.txt", "/healthz", "/livez", "/readyz", "/metrics", "/favicon.ico", "/robots.txt",
}

// reservedBy returns the reserved path that a template may match; empty: none.
func reservedBy(t pathtree.Template) string {
	at := slices.IndexFunc(ReservedPaths, func(reserved string) bool {
		path, below := strings.CutSuffix(reserved, "/*")
		return t.Under(path, below)
	})
	if at < 0 {
		return ""
	}
	return ReservedPaths[at]
}

// ReservedScopes are the first words of scopes that mean something to the server: no scope of an installation begins
// with one of them. Read only.
var ReservedScopes = []string{
	"flows", "runs", "clients", "users", "queues", "keys", "secrets", "connections", "audit", "tokens", "workers", "events", "admin", "penstock",
}

// CheckScope returns why a word is no scope of an installation's own making; empty: it is one.
func CheckScope(word string) string {
	resource, act, ok := strings.Cut(word, ":")
	switch {
	case !ok || !scopeForm.MatchString(resource) || !scopeForm.MatchString(act):
		return "a scope is two words with a colon between them, as in subscribers:read: small letters, digits, - and _, each beginning with a letter, at most 32"
	case slices.Contains(ReservedScopes, resource):
		return "scopes of " + resource + " are the server's own"
	}
	return ""
}
