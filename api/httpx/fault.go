package httpx

import (
	"errors"
	"net/http"
	"time"

	"github.com/penstock/penstock/api/fault"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/queue"
)

// Fault is an error response, independent of the format in which it is written.
type Fault struct {
	Status  int
	Code    string        // stable code for programs
	Message string        // for the caller
	Retry   time.Duration // value of Retry-After; zero: none
	Run     string        // id of the run; empty: none
	Step    string        // name of the failed step; empty: none
	Bearer  auth.Code     // error code of the bearer challenge; empty: none
	Scope   auth.Scope    // missing scope; empty: not named
	Err     error         // cause, for the log; nil: Message says everything
	ByFlow  bool          // the flow chose the status
	Close   bool          // close the connection, because the end of the request is not known

	Parameter string       // name of the wrong query parameter; empty: none
	Position  int          // position of the mistake in it, in characters from 1; 0: the whole parameter
	Problems  problem.List // mistakes in a flow; nil: none

	PausedRuns, ParkedRuns *int // waiting runs of a flow, by reason; nil: not known
}

func (f *Fault) Error() string { return f.Code + ": " + f.Message }

func (f *Fault) Unwrap() error { return f.Err }

// FaultOf returns the response for an error: by package fault, with the details that only the API shows.
func FaultOf(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		known := *f // a copy, because package variables are shared by many requests
		return &known
	}
	var rejected *auth.Error
	if errors.As(err, &rejected) {
		return &Fault{Status: statusOf(rejected.Code), Code: string(rejected.Code), Message: rejected.Message,
			Retry: rejected.Retry, Bearer: rejected.Bearer, Scope: rejected.Scope}
	}
	k := fault.Of(err)
	f = &Fault{Status: k.Status, Code: k.Code, Message: k.Message, Retry: k.Retry}
	if k.Hidden {
		f.Err = err
		return f
	}
	var (
		ran  *queue.RanError
		list *listing.Error
	)
	switch {
	case errors.As(err, &ran):
		f.Run = ran.Run
	case errors.As(err, &list):
		f.Parameter, f.Position = list.Param, list.Position
	default:
		errors.As(err, &f.Problems)
	}
	return f
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
