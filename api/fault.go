package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/penstock/penstock/api/hooks"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/strictjson"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// fault is why a request is not answered as asked, ready to be written in the
// envelope of whichever door it came through.
type fault struct {
	Status  int
	Code    string        // a stable word
	Message string        // for the caller
	Retry   time.Duration // when to come back; zero: not said
	Run     string        // the run it belongs to; empty: none
	Step    string        // the step that failed; empty: none
	Bearer  auth.Code     // the error that a bearer challenge names; empty: none
	Scope   auth.Scope    // that is missing; empty: not said
	Err     error         // for the log; nil: Message says it all
	ByFlow  bool          // the flow chose the status
	Close   bool          // the connection ends with the answer: what follows on it cannot be told apart

	Parameter string         // the query parameter that is wrong; empty: none
	Position  int            // the character of it, from 1; 0: the whole of it
	Problems  flows.Problems // the mistakes of a flow; nil: none

	Held, Parked *int // runs of a flow that are held and parked; nil: not said
}

func (f *fault) Error() string { return f.Code + ": " + f.Message }

func (f *fault) Unwrap() error { return f.Err }

// statusGone is what the log says of a caller who did not wait; nothing is
// written.
const statusGone = 499

// errHandOver is the cause of request contexts that end because this process
// stops before the runs do that their callers wait for.
var errHandOver = errors.New("the server stops")

// errNoRoom says that the process is short of memory.
var errNoRoom = errors.New("no memory for the request")

// faults is the one table from error to answer. What is not in it, and is no
// type that faultOf knows, is internal.
var faults = []struct {
	err error
	fault
}{
	{queue.ErrReplayed, fault{Status: http.StatusUnauthorized, Code: "replayed", Message: "replayed: this request was seen before; sign a new one with the current time"}},
	{queue.ErrMismatch, fault{Status: http.StatusUnprocessableEntity, Code: "idempotency_mismatch", Message: "this Idempotency-Key came before with another payload"}},
	{queue.ErrGone, fault{Status: http.StatusServiceUnavailable, Code: "lost", Message: "the record of the run is gone: it is not known whether it ran", Retry: 2 * time.Second}},
	{queue.ErrFull, fault{Status: http.StatusServiceUnavailable, Code: "overloaded", Message: "too much work is waiting; try again later", Retry: 2 * time.Second}},
	{errNoRoom, fault{Status: http.StatusServiceUnavailable, Code: "overloaded", Message: "the server is short of memory; try again later", Retry: 2 * time.Second}},
	{budget.ErrPressed, fault{Status: http.StatusServiceUnavailable, Code: "overloaded", Message: "the server is short of memory; try again later", Retry: 2 * time.Second}},
	{queue.ErrUnavailable, fault{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: "runs cannot be accepted now; try again later", Retry: time.Second}},
	{auth.ErrUnavailable, fault{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: "requests cannot be checked now; try again later", Retry: time.Second}},
	{hooks.ErrType, fault{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type", Message: "the Content-Type must be application/json or application/x-www-form-urlencoded, in UTF-8"}},
	{hooks.ErrForm, fault{Status: http.StatusBadRequest, Code: "bad_form", Message: "the form cannot be read"}},
	{queue.ErrNotFound, fault{Status: http.StatusNotFound, Code: "not_found", Message: "no such run"}},
	{store.ErrExists, fault{Status: http.StatusConflict, Code: "exists", Message: "there is one of that name already"}},
	{auth.ErrNoDeadline, fault{Status: http.StatusConflict, Code: "expired", Message: auth.ErrNoDeadline.Error()}},
	{store.ErrNotFound, fault{Status: http.StatusNotFound, Code: "not_found", Message: "there is none of that name"}},
	{os.ErrDeadlineExceeded, fault{Status: http.StatusRequestTimeout, Code: "request_timeout", Message: "the request took too long to arrive"}},
	{errHandOver, fault{Status: http.StatusGatewayTimeout, Code: "handed_over", Message: "this server stops; the run goes on, its result can be read later"}},
	{context.Canceled, fault{Status: statusGone, Code: "caller_gone", Message: "the caller did not wait"}},
}

// faultOf returns what a caller gets for an error.
func faultOf(err error) *fault {
	var (
		f     *fault
		query *auth.QueryError
		text  *strictjson.Error
		large *http.MaxBytesError
		enter *auth.Error
		wrong *store.InvalidError
		list  *listing.Error
		flow  flows.Problems
		ran   *queue.RanError
		slug  *store.ConflictError
	)
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &ran):
		return &fault{Status: http.StatusConflict, Code: "already_ran", Message: "this request was accepted before, and the result of its run is not kept any more", Run: ran.Run}
	case errors.As(err, &enter):
		return &fault{Status: statusOf(enter.Code), Code: string(enter.Code), Message: enter.Message, Retry: enter.Retry, Bearer: enter.Bearer, Scope: enter.Scope}
	case errors.As(err, &wrong):
		return &fault{Status: http.StatusBadRequest, Code: "invalid", Message: wrong.Error()}
	case errors.As(err, &query):
		return &fault{Status: http.StatusBadRequest, Code: "bad_query", Message: query.Error()}
	case errors.As(err, &list):
		return &fault{Status: http.StatusBadRequest, Code: "bad_listing", Message: list.Error(), Parameter: list.Param, Position: list.Position}
	case errors.As(err, &flow):
		return &fault{Status: http.StatusUnprocessableEntity, Code: "bad_flow", Message: "the flow has mistakes: " + flow[0].Error(), Problems: flow}
	case errors.As(err, &slug):
		return &fault{Status: http.StatusConflict, Code: "slug_taken", Message: slug.Error()}
	case errors.As(err, &text):
		return &fault{Status: http.StatusBadRequest, Code: "bad_json", Message: "the body is not the JSON that is expected: " + text.Error()}
	case errors.As(err, &large):
		return &fault{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: fmt.Sprintf("the body is larger than %d bytes", large.Limit)}
	}
	for _, known := range faults {
		if errors.Is(err, known.err) {
			f := known.fault
			f.Err = err
			return &f
		}
	}
	return &fault{Status: http.StatusInternalServerError, Code: "internal", Message: "internal error; the request id names it in our log", Err: err}
}

func statusOf(code auth.Code) int {
	switch code {
	case auth.CodeUnauthorized, auth.CodeInvalidClient, auth.CodeReplayed:
		return http.StatusUnauthorized
	case auth.CodeForbidden:
		return http.StatusForbidden
	case auth.CodeSlowDown:
		return http.StatusTooManyRequests
	}
	return http.StatusBadRequest // the other codes of RFC 6749
}
