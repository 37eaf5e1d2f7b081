package httpx

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/strictjson"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// Fault is why a request is not answered as asked, ready to be written in the
// envelope of whichever door it came through.
type Fault struct {
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

	PausedRuns, ParkedRuns *int // runs of a flow that are held and parked; nil: not said
}

func (f *Fault) Error() string { return f.Code + ": " + f.Message }

func (f *Fault) Unwrap() error { return f.Err }

// StatusGone is what the log says of a caller who did not wait; nothing is
// written.
const StatusGone = 499

// ErrHandOver is the cause of request contexts that end because this process
// stops before the runs do that their callers wait for.
var ErrHandOver = errors.New("the server stops")

// errNoMemory says that the process is short of memory.
var errNoMemory = errors.New("no memory for the request")

// faults is the one table from error to answer. What is not in it, and is no
// type that FaultOf knows, is internal.
var faults = []struct {
	err error
	Fault
}{
	{queue.ErrReplayed, Fault{Status: http.StatusUnauthorized, Code: "replayed", Message: "replayed: this request was seen before; sign a new one with the current time"}},
	{queue.ErrMismatch, Fault{Status: http.StatusUnprocessableEntity, Code: "idempotency_mismatch", Message: "this Idempotency-Key came before with another payload"}},
	{queue.ErrGone, Fault{Status: http.StatusServiceUnavailable, Code: "lost", Message: "the record of the run is gone: it is not known whether it ran", Retry: 2 * time.Second}},
	{queue.ErrFull, Fault{Status: http.StatusServiceUnavailable, Code: "overloaded", Message: "too much work is waiting; try again later", Retry: 2 * time.Second}},
	{errNoMemory, Fault{Status: http.StatusServiceUnavailable, Code: "overloaded", Message: "the server is short of memory; try again later", Retry: 2 * time.Second}},
	{budget.ErrEvicted, Fault{Status: http.StatusServiceUnavailable, Code: "overloaded", Message: "the server is short of memory; try again later", Retry: 2 * time.Second}},
	{queue.ErrUnavailable, Fault{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: "runs cannot be accepted now; try again later", Retry: time.Second}},
	{auth.ErrUnavailable, Fault{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: "requests cannot be checked now; try again later", Retry: time.Second}},
	{queue.ErrNotFound, Fault{Status: http.StatusNotFound, Code: "not_found", Message: "no such run"}},
	{store.ErrExists, Fault{Status: http.StatusConflict, Code: "exists", Message: "there is one of that name already"}},
	{auth.ErrNoDeadline, Fault{Status: http.StatusConflict, Code: "expired", Message: auth.ErrNoDeadline.Error()}},
	{store.ErrNotFound, Fault{Status: http.StatusNotFound, Code: "not_found", Message: "there is none of that name"}},
	{os.ErrDeadlineExceeded, Fault{Status: http.StatusRequestTimeout, Code: "request_timeout", Message: "the request took too long to arrive"}},
	{ErrHandOver, Fault{Status: http.StatusGatewayTimeout, Code: "handed_over", Message: "this server stops; the run goes on, its result can be read later"}},
	{context.Canceled, Fault{Status: StatusGone, Code: "caller_gone", Message: "the caller did not wait"}},
}

// FaultOf returns what a caller gets for an error.
func FaultOf(err error) *Fault {
	var (
		f     *Fault
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
		known := *f // it may be a package variable, shared by many requests
		return &known
	case errors.As(err, &ran):
		return &Fault{Status: http.StatusConflict, Code: "already_ran", Message: "this request was accepted before, and the result of its run is not kept any more", Run: ran.Run}
	case errors.As(err, &enter):
		return &Fault{Status: statusOf(enter.Code), Code: string(enter.Code), Message: enter.Message, Retry: enter.Retry, Bearer: enter.Bearer, Scope: enter.Scope}
	case errors.As(err, &wrong):
		return &Fault{Status: http.StatusBadRequest, Code: "invalid", Message: wrong.Error()}
	case errors.As(err, &query):
		return &Fault{Status: http.StatusBadRequest, Code: "bad_query", Message: query.Error()}
	case errors.As(err, &list):
		return &Fault{Status: http.StatusBadRequest, Code: "bad_listing", Message: list.Error(), Parameter: list.Param, Position: list.Position}
	case errors.As(err, &flow):
		return &Fault{Status: http.StatusUnprocessableEntity, Code: "bad_flow", Message: "the flow has mistakes: " + flow[0].Error(), Problems: flow}
	case errors.As(err, &slug):
		return &Fault{Status: http.StatusConflict, Code: "slug_taken", Message: slug.Error()}
	case errors.As(err, &text):
		return &Fault{Status: http.StatusBadRequest, Code: "bad_json", Message: "the body is not the JSON that is expected: " + text.Error()}
	case errors.As(err, &large):
		return &Fault{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: fmt.Sprintf("the body is larger than %d bytes", large.Limit)}
	}
	for _, known := range faults {
		if errors.Is(err, known.err) {
			f := known.Fault
			f.Err = err
			return &f
		}
	}
	return &Fault{Status: http.StatusInternalServerError, Code: "internal", Message: "internal error; the request id names it in our log", Err: err}
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

// BadRequest returns a fault with status 400.
func BadRequest(code, message string) error {
	return &Fault{Status: http.StatusBadRequest, Code: code, Message: message}
}

// Unsupported returns a fault with status 415.
func Unsupported(message string) error {
	return &Fault{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type", Message: message}
}
