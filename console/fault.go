package console

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// fault is an answer that says why there is no other, in words for people.
type fault struct {
	Status int
	Title  string
	Text   string
}

func (f *fault) Error() string { return f.Title + ": " + f.Text }

var (
	errNotFound  = &fault{http.StatusNotFound, "Nothing is here", "The page may have moved, or what it showed was deleted."}
	errForbidden = &fault{http.StatusForbidden, "Not for your role", "Ask an administrator for a role that may do this."}
)

// faultOf is the one table from error to what people are told. What it does
// not know is internal.
func faultOf(err error) *fault {
	var (
		known    *fault
		invalid  *store.InvalidError
		conflict *store.ConflictError
		list     *listing.Error
		problems flows.Problems
		large    *http.MaxBytesError
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &invalid):
		return &fault{http.StatusUnprocessableEntity, "This cannot be saved", invalid.Error()}
	case errors.As(err, &conflict):
		return &fault{http.StatusConflict, "This cannot be saved", conflict.Error()}
	case errors.As(err, &list):
		return &fault{http.StatusBadRequest, "The filter cannot be read", list.Error()}
	case errors.As(err, &problems):
		return &fault{http.StatusUnprocessableEntity, "The flow has mistakes", problems[0].Error()}
	case errors.As(err, &large):
		return &fault{http.StatusRequestEntityTooLarge, "Too large", "The request is larger than this server takes."}
	case errors.Is(err, store.ErrNotFound), errors.Is(err, queue.ErrNotFound):
		return errNotFound
	case errors.Is(err, store.ErrExists):
		return &fault{http.StatusConflict, "This cannot be saved", "There is one of that name already."}
	case errors.Is(err, queue.ErrFull):
		return &fault{http.StatusServiceUnavailable, "Too much work is waiting", "New runs are refused until the queue is shorter."}
	case errors.Is(err, queue.ErrUnavailable):
		return &fault{http.StatusServiceUnavailable, "Redis does not answer", "Nothing is lost; try again in a moment."}
	}
	return &fault{http.StatusInternalServerError, "Something went wrong here", "The log says what, under the request id of this answer."}
}

// renderError answers with an error, as a page or as a part of one.
func (req *requestState) renderError(err error) {
	if errors.Is(err, context.Canceled) {
		return // the browser is gone
	}
	f := faultOf(err)
	if f.Status >= http.StatusInternalServerError {
		req.console.config.Log.LogAttrs(req.ctx(), slog.LevelError, "console", slog.String("route", req.r.Pattern), slog.String("error", err.Error()))
	}
	if req.fragment() {
		req.w.Header().Set("HX-Retarget", "#trouble")
		req.w.Header().Set("HX-Reswap", "innerHTML")
		err = req.render(f.Status, view.ErrorFragment(f.Title, f.Text))
	} else {
		err = req.render(f.Status, view.ErrorPage(req.page("", f.Title), f.Title, f.Text))
	}
	if err != nil {
		req.w.WriteHeader(http.StatusInternalServerError)
	}
}
