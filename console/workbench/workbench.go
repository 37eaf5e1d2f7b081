// Package workbench serves the pages on which somebody connects a sender to a flow and sees what comes of it: what arrives at the
// webhook, recordings and captures, and the pages that try and call a flow. The console does for it what all its pages need.
package workbench

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// Config configures a Workbench. All fields are required but Issuer.
type Config struct {
	Store      *store.Store
	Queue      *queue.Client
	Deliveries *deliveries.Log
	Catalogue  *flows.Catalogue // step kinds that flows may use
	// Base returns the base URL of the API for callers, and Issuer is the one of the settings; empty: there is none.
	Base   func(*http.Request) string
	Issuer string
	// Workers lists the workers. It may be some seconds old.
	Workers func(context.Context) ([]queue.Load, error)
	MaxBody int64 // maximum size of an event in bytes
	Now     func() time.Time
}

// Workbench has the handlers of the pages. Safe for concurrent use.
type Workbench struct {
	config   Config
	outcomes outcomes
}

// New returns a Workbench.
func New(config Config) (*Workbench, error) {
	if config.Store == nil || config.Queue == nil || config.Deliveries == nil || config.Catalogue == nil || config.Base == nil || config.Workers == nil || config.MaxBody == 0 || config.Now == nil {
		return nil, errors.New("new workbench: all fields of Config but Issuer are required")
	}
	return &Workbench{config: config}, nil
}

// Request is a request of a signed-in user who has the scope of the route, and whose CSRF token is valid if it writes.
type Request struct {
	HTTP     *http.Request
	Who      *auth.Principal
	May      func(auth.Scope) bool
	Fragment bool // the script requested a part of a page

	Page     func(section, title string) view.Page
	Render   func(status int, page templ.Component) error
	Redirect func(path string) error
	Notice   func(text string)        // shows a message on the next page
	Audit    func(act, object string) // writes an entry of the audit log
	Flow     func(head store.Deployment) view.FlowRow

	// Submission returns the submission of a run of the user, and Start submits it and leads to its page.
	Submission func(flow *flows.Flow) (queue.Submission, error)
	FairKey    func(flow *flows.Flow, s *queue.Submission) error
	Start      func(queue.Submission) error
	// Draft shows the current version of a flow in the editor with an entry added to its tests, which is not saved.
	Draft func(head store.Deployment, d Draft) error
	// NewFlow shows the text of a new flow in the editor, which is not saved. number is a free one.
	NewFlow func(text func(number int64) string, notice string) error
	// Fault returns the error of a page with a title and a text.
	Fault func(status int, title, text string) error
}

// Draft is a test that is added to the text of a flow in the editor.
type Draft struct {
	Entry  string // for the tests of the file
	Notice string // what it is
	Lacks  string // why it has gaps; empty: it has none
}

func (r *Request) ctx() context.Context { return r.HTTP.Context() }

// Route is one page or action.
type Route struct {
	Pattern string     // below the root of the console
	Scope   auth.Scope // required
	Handle  func(*Request) error
}

// Routes lists all pages and actions.
func (b *Workbench) Routes() []Route {
	return []Route{
		{"GET /flows/{flow}/deliveries", auth.ScopeReadRuns, b.showDeliveries},
		{"GET /flows/{flow}/deliveries/{delivery}", auth.ScopeReadRuns, b.showDelivery},
		{"GET /flows/{flow}/deliveries/{delivery}/redeliver", auth.ScopeRun, b.showRedelivery},
		{"POST /flows/{flow}/deliveries/{delivery}/redeliver", auth.ScopeRun, b.redeliver},
		{"GET /flows/{flow}/deliveries/{delivery}/sample", auth.ScopeWriteFlows, b.makeSample},
		{"POST /flows/{flow}/recording", auth.ScopeWriteRuns, b.switchRecording},

		{"POST /captures", auth.ScopeWriteRuns, b.openCapture},
		{"GET /captures/{capture}", auth.ScopeWriteRuns, b.showCapture},
		{"GET /captures/{capture}/flow", auth.ScopeWriteFlows, b.flowOfCapture},
		{"POST /captures/{capture}/close", auth.ScopeWriteRuns, b.closeCapture},

		{"GET /flows/{flow}/try", auth.ScopeRun, b.showTry},
		{"POST /flows/{flow}/try", auth.ScopeRun, b.tryFlow},
		{"GET /flows/{flow}/call", auth.ScopeReadFlows, b.showCall},
		{"POST /flows/{flow}/call", auth.ScopeRun, b.callSamples},
	}
}

// head returns the flow with the number or slug in the path.
func (b *Workbench) head(r *Request) (store.Deployment, error) {
	return b.config.Store.Flows().Deployment(r.HTTP.PathValue("flow"))
}

// flow returns the flow with the number or slug in the path, as it is executed. The error for one that cannot be wraps
// store.ErrNotFound.
func (b *Workbench) flow(r *Request) (*flows.Flow, error) {
	flow, ok := b.config.Store.Flows().Find(r.HTTP.PathValue("flow"))
	if !ok {
		return nil, store.ErrNotFound
	}
	return flow, nil
}

// formText returns the text of a field, with LF instead of the CR LF that forms send.
func formText(r *Request, name string) string {
	return strings.ReplaceAll(r.HTTP.PostFormValue(name), "\r\n", "\n")
}

// errForbidden is the response to who lacks a scope that the route alone does not say.
func errForbidden(r *Request) error {
	return r.Fault(http.StatusForbidden, language.Key("Not for your role"), language.Key("Ask an administrator for a role that may do this."))
}
