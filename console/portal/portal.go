// Package portal serves the pages of the developer portal: the APIs that a developer may call, and the API clients that
// the developer keeps. The console does for it what all its pages need: sessions, CSRF tokens, headers and the look.
package portal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/a-h/templ"

	"github.com/penstock/penstock/api/openapi"
	"github.com/penstock/penstock/api/openapi/flowdoc"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/clientusage"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/store"
)

// Usage returns the calls of a client in the last clientusage.Days, and those of today. *clientusage.Counter implements
// it.
type Usage interface {
	Use(ctx context.Context, client string) (all, today clientusage.Use, err error)
}

// Config configures a Portal. The fields before Usage are required.
type Config struct {
	Store     *store.Store
	Authority *auth.Authority
	// Base returns the base URL of the API for callers.
	Base func(*http.Request) string
	Now  func() time.Time

	// Usage counts the calls of clients; nil: the pages do not show it.
	Usage Usage
	// RateIP and RateClient limit calls per address and per client; nil: there is no limit.
	RateIP, RateClient limits.Rates

	// Call serves a request to the API for a principal that has signed in, with the limits and the idempotency of any
	// call. nil: Try it is not offered.
	Call func(w http.ResponseWriter, r *http.Request, p *auth.Principal)
}

// Portal has the handlers of the pages. Safe for concurrent use.
type Portal struct {
	config  Config
	builder *flowdoc.Builder
}

// New returns a Portal.
func New(config Config) (*Portal, error) {
	if config.Store == nil || config.Authority == nil || config.Base == nil || config.Now == nil {
		return nil, errors.New("new portal: Store, Authority, Base and Now are required")
	}
	own, err := openapi.Describe()
	if err != nil {
		return nil, fmt.Errorf("new portal: %w", err)
	}
	builder, err := flowdoc.NewBuilder(own)
	if err != nil {
		return nil, fmt.Errorf("new portal: %w", err)
	}
	return &Portal{config, builder}, nil
}

// Request is a request of a signed-in developer, whose CSRF token is valid if it writes.
type Request struct {
	HTTP   *http.Request
	Writer http.ResponseWriter // only to move the deadlines of the connection
	User   *store.User
	Who    *auth.Principal // holds what the user was granted
	IP     string          // address of the browser

	Page     func(section, title string) view.Page
	Render   func(status int, page templ.Component) error
	Redirect func(path string) error
	Notice   func(text string)             // shows a message on the next page
	Download func(name, text string) error // sends a file
	Audit    func(act, object string)      // writes an entry of the audit log
}

// client is who calls the APIs: a client that holds all that the developer was granted.
func (r *Request) client() *auth.Principal {
	return &auth.Principal{Kind: auth.KindClient, ID: r.Who.ID, Scopes: r.Who.Scopes}
}

// Route is one page or action.
type Route struct {
	Pattern string // below view.Developers
	Handle  func(*Request) error
}

// Routes lists all pages and actions.
func (p *Portal) Routes() []Route {
	return []Route{
		{"GET /{$}", p.listAPIs},
		{"GET /apis/{flow}", p.showAPI},
		{"GET /apis/{flow}/changes", p.showChanges},
		{"GET /apis/{flow}/{operation}", p.showOperation},
		{"POST /apis/{flow}/{operation}", p.tryOperation},

		{"GET /clients", p.listClients},
		{"GET /clients/new", p.newClient},
		{"POST /clients", p.createClient},
		{"GET /clients/{client}", p.showClient},
		{"POST /clients/{client}", p.changeClient},
		{"POST /clients/{client}/secret", p.newSecret},
		{"POST /clients/{client}/assertion", p.downloadAssertion},
		{"POST /clients/{client}/token", p.downloadToken},
		{"POST /clients/{client}/invalidate", p.invalidate},
		{"POST /clients/{client}/delete", p.deleteClient},
	}
}
