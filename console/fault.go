package console

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	faults "github.com/penstock/penstock/api/fault"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/queue"
)

// fault is an error page, or a part of a page that shows an error.
type fault struct {
	Status int
	Title  string
	Text   string
}

func (f *fault) Error() string { return f.Title + ": " + f.Text }

var (
	errNotFound  = &fault{http.StatusNotFound, faults.NotFoundTitle, faults.NotFoundText}
	errForbidden = &fault{http.StatusForbidden, language.Key("Not for your role"), language.Key("Ask an administrator for a role that may do this.")}
	// errCSRF is the response to a write without a valid CSRF token or from another origin.
	errCSRF = &fault{http.StatusForbidden, language.Key("This page is out of date"), language.Key("Reload it and try again: the session that it was made for is another one.")}
)

// faultOf returns the page for an error, by the table that the console shares with the API.
func faultOf(err error) *fault {
	var known *fault
	if errors.As(err, &known) {
		return known
	}
	k := faults.Of(err)
	return &fault{k.PageStatus, k.Title, k.Text}
}

// renderError answers with an error, as a page or as a part of one.
func (req *requestState) renderError(err error) {
	if errors.Is(err, context.Canceled) {
		return // the browser is gone
	}
	f := faultOf(err)
	switch {
	case errors.Is(err, queue.ErrUnavailable) && !errors.Is(err, queue.ErrHistory):
		req.away = true // the page says what that means
	case f.Status >= http.StatusInternalServerError && (req.away || req.console.redisIsAway(req.ctx())):
		req.away, f = true, faultOf(queue.ErrUnavailable) // whatever could not be read
	}
	if f.Status >= http.StatusInternalServerError {
		req.console.config.Log.LogAttrs(req.ctx(), slog.LevelError, "console", slog.String("route", req.r.Pattern), slog.String("error", err.Error()))
	}
	title, text := language.T(req.ctx(), f.Title), language.T(req.ctx(), f.Text)
	if req.fragment() {
		req.w.Header().Set("HX-Retarget", "#trouble")
		req.w.Header().Set("HX-Reswap", "innerHTML")
		err = req.render(f.Status, view.FaultFragment(req.page("", ""), title, text))
	} else {
		err = req.render(f.Status, view.ErrorPage(req.page("", title), title, text))
	}
	if err != nil {
		req.w.WriteHeader(http.StatusInternalServerError)
	}
}
