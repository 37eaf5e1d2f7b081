// Package palette finds what a user may open or do by a few typed words: pages, flows, runs, connections, keys, clients, users and
// actions.
package palette

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/a-h/templ"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// Config configures a Palette. All fields are required.
type Config struct {
	Store *store.Store
	Queue *queue.Client
}

// Palette has the handlers. Safe for concurrent use.
type Palette struct{ config Config }

// New returns a Palette.
func New(config Config) (*Palette, error) {
	if config.Store == nil || config.Queue == nil {
		return nil, errors.New("new palette: Store and Queue are required")
	}
	return &Palette{config}, nil
}

// Request is a request of a signed-in user, whose CSRF token is valid if it writes.
type Request struct {
	HTTP     *http.Request
	Away     bool                                    // Redis does not answer
	Fragment bool                                    // the script asked for the list alone
	May      func(auth.Scope) bool                   // for all flows
	ForSome  func(auth.Scope) bool                   // for at least one flow
	MayWith  func(scope auth.Scope, flow int64) bool // for one flow

	Page     func(title string) view.Page
	Render   func(status int, page templ.Component) error
	Redirect func(path string) error
	Notice   func(text string)        // shows a message on the next page
	Audit    func(act, object string) // writes an entry of the audit log
}

func (r *Request) ctx() context.Context { return r.HTTP.Context() }

// Route is one page or action.
type Route struct {
	Pattern string     // below view.Root
	Scope   auth.Scope // required; empty: any signed-in user
	Handle  func(*Request) error
}

// Routes lists all pages and actions.
func (p *Palette) Routes() []Route {
	return []Route{
		{"GET /go", "", p.find},
		{"POST /go/queues/{queue}", auth.ScopeWriteQueues, p.pauseQueue},
	}
}

// maxText is the maximum size of what is searched for, in bytes.
const maxText = 200

// find lists what the text of the parameter q finds; the pages, if it is empty.
func (p *Palette) find(r *Request) error {
	text := r.HTTP.URL.Query().Get("q")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	found, err := p.search(r, text)
	if err != nil {
		return err
	}
	if r.Fragment {
		return r.Render(http.StatusOK, view.PaletteFound(r.Page(""), found))
	}
	return r.Render(http.StatusOK, view.PalettePage(r.Page(language.T(r.HTTP.Context(), "Go to")), found))
}

// pauseQueue pauses a queue, or resumes it.
func (p *Palette) pauseQueue(r *Request) error {
	name, pause := r.HTTP.PathValue("queue"), r.HTTP.PostFormValue("paused") == "true"
	change, notice := p.config.Queue.Resume, language.T(r.HTTP.Context(), "The queue %s is resumed.", name)
	if pause {
		change, notice = p.config.Queue.Pause, language.T(r.HTTP.Context(), "The queue %s is paused: none of its runs begins until it is resumed.", name)
	}
	if err := change(r.ctx(), name); err != nil {
		return err
	}
	r.Audit("POST "+view.Root+"/go/queues/{queue}", name)
	r.Notice(notice)
	return r.Redirect(view.Root + "/lines")
}
