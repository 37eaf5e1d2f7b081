// Package fault has the table from errors to responses, which the API and the console share. The API renders an entry
// as a problem document or in an envelope of its own, the console as a page.
package fault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/internal/strictjson"
	"github.com/penstock/penstock/internal/webhook"
	"github.com/penstock/penstock/operation"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/queue/rehearsal"
	"github.com/penstock/penstock/store"
)

// Kind says how errors of one kind are reported.
type Kind struct {
	Status  int           // HTTP status
	Code    string        // stable code for programs
	Message string        // for callers of the API
	Retry   time.Duration // value of Retry-After; zero: none
	Hidden  bool          // the message does not contain the text of the error, which is logged instead

	PageStatus  int // HTTP status of the page; zero: Status
	Title, Text string
}

// StatusGone is the status in the log of a request whose caller has disconnected. No response is written.
const StatusGone = 499

var (
	// ErrHandOver is the cause of request contexts that end because this process stops while a caller waits for a run.
	ErrHandOver = errors.New("the server stops")
	// ErrNoMemory says that the process has no memory for a request.
	ErrNoMemory = errors.New("no memory for the request")
)

const notSaved = "This cannot be saved"

// kinds is the table. The first match counts. An entry matches the error target or, with as, a type; as returns the text
// of the error, which follows Message and is the default of Text. Read only.
var kinds = []struct {
	target error
	as     func(error) (text string, ok bool)
	Kind
}{
	{as: fixed[*queue.RanError], Kind: Kind{Status: http.StatusConflict, Code: "already_ran", Message: "this request was accepted before, and the result of its run is not kept any more"}},
	{as: resumedBy, Kind: Kind{Status: http.StatusConflict, Code: "already_resumed", Message: "the run is continued, or was begun anew, by ", Title: "Another run continues this one"}},
	{as: textOf[*store.InvalidError], Kind: Kind{Status: http.StatusBadRequest, Code: "invalid", PageStatus: http.StatusUnprocessableEntity, Title: notSaved}},
	{as: textOf[*auth.QueryError], Kind: Kind{Status: http.StatusBadRequest, Code: "bad_query", Title: "The address cannot be read"}},
	{as: textOf[*listing.Error], Kind: Kind{Status: http.StatusBadRequest, Code: "bad_listing", Title: "The filter cannot be read"}},
	{as: firstProblem, Kind: Kind{Status: http.StatusUnprocessableEntity, Code: "bad_flow", Message: "the flow has mistakes: ", Title: "The flow has mistakes"}},
	{as: textOf[*store.ConflictError], Kind: Kind{Status: http.StatusConflict, Code: "slug_taken", Title: notSaved}},
	{as: textOf[*store.StaleError], Kind: Kind{Status: http.StatusPreconditionFailed, Code: "stale", PageStatus: http.StatusConflict, Title: notSaved}},
	{target: store.ErrProposed, Kind: Kind{Status: http.StatusConflict, Code: "proposed", Message: store.ErrProposed.Error(), Title: notSaved}},
	{target: store.ErrNotProposed, Kind: Kind{Status: http.StatusConflict, Code: "not_proposed", Message: store.ErrNotProposed.Error(), Title: notSaved}},
	{target: store.ErrOwnProposal, Kind: Kind{Status: http.StatusForbidden, Code: "own_proposal", Message: store.ErrOwnProposal.Error(), Title: notSaved}},
	{as: textOf[*store.CanaryError], Kind: Kind{Status: http.StatusConflict, Code: "canary_refused", Title: notSaved}},
	{as: textOf[*store.RotationError], Kind: Kind{Status: http.StatusConflict, Code: "in_rotation", Title: notSaved}},
	{as: textOf[*deliveries.UnrepeatableError], Kind: Kind{Status: http.StatusConflict, Code: "not_recorded", Title: "It cannot be repeated"}},
	{as: textOf[*strictjson.Error], Kind: Kind{Status: http.StatusBadRequest, Code: "bad_json", Message: "the body is not the JSON that is expected: ", Title: "The JSON cannot be read"}},
	{as: sizeLimit, Kind: Kind{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: "the body is larger than ", Title: "Too large", Text: "The request is larger than this server takes."}},

	{target: queue.ErrReplayed, Kind: Kind{Status: http.StatusUnauthorized, Code: "replayed", Message: "replayed: this request was seen before; sign a new one with the current time"}},
	{target: queue.ErrMismatch, Kind: Kind{Status: http.StatusUnprocessableEntity, Code: "idempotency_mismatch", Message: "this Idempotency-Key came before with another payload"}},
	{target: queue.ErrGone, Kind: Kind{Status: http.StatusServiceUnavailable, Code: "lost", Message: "the record of the run is gone: it is not known whether it ran", Retry: 2 * time.Second}},
	{target: rehearsal.ErrBusy, Kind: Kind{Status: http.StatusServiceUnavailable, Code: "overloaded", Message: "another rehearsal is in progress; try again later", Retry: 5 * time.Second,
		Title: "Another rehearsal is in progress", Text: "This server rehearses one flow at a time. Try again in a moment."}},
	{target: queue.ErrFull, Kind: Kind{Status: http.StatusServiceUnavailable, Code: "overloaded", Message: "too much work is waiting; try again later", Retry: 2 * time.Second,
		Title: "Too much work is waiting", Text: "New runs are refused until the queue is shorter."}},
	{target: ErrNoMemory, Kind: Kind{Status: http.StatusServiceUnavailable, Code: "overloaded", Message: "the server is short of memory; try again later", Retry: 2 * time.Second}},
	{target: budget.ErrEvicted, Kind: Kind{Status: http.StatusServiceUnavailable, Code: "overloaded", Message: "the server is short of memory; try again later", Retry: 2 * time.Second}},
	{target: queue.ErrHistory, Kind: Kind{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: "the history of runs does not answer; try again later", Retry: 5 * time.Second,
		Title: "The history does not answer", Text: "Runs go on, and what has ended is kept until the history answers again."}},
	{target: queue.ErrUnavailable, Kind: Kind{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: "runs can be neither accepted nor read now; try again later", Retry: time.Second,
		Title: "Redis does not answer", Text: "Nothing is lost; try again in a moment."}},
	{target: auth.ErrUnavailable, Kind: Kind{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: "requests cannot be checked now; try again later", Retry: time.Second}},
	{target: queue.ErrNotFound, Kind: Kind{Status: http.StatusNotFound, Code: "not_found", Message: "no such run", Title: NotFoundTitle, Text: NotFoundText}},
	{as: textOf[*operation.InvalidError], Kind: Kind{Status: http.StatusBadRequest, Code: "bad_operation", Title: "The operation cannot begin"}},
	{target: operation.ErrNotFound, Kind: Kind{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such operation for you, or it is not kept any more", Title: NotFoundTitle, Text: NotFoundText}},
	{target: queue.ErrNotTriaged, Kind: Kind{Status: http.StatusConflict, Code: "not_triaged", Message: "only a run that failed or timed out is open, resolved or ignored",
		Title: "The run has not failed", Text: "Only a run that failed or timed out is open, resolved or ignored."}},
	{target: queue.ErrDropped, Kind: Kind{Status: http.StatusConflict, Code: "payload_dropped", Message: "what the run received was deleted, by its retention or by an erasure: it can only be looked at",
		Title: "The run can only be looked at", Text: "What it received was deleted, by its retention or by an erasure."}},
	{target: queue.ErrMoved, Kind: Kind{Status: http.StatusConflict, Code: "not_resumable", Message: "the run has not ended, or has succeeded",
		Title: "The run cannot be resumed", Text: "It has not ended, or it has succeeded."}},
	{target: store.ErrExists, Kind: Kind{Status: http.StatusConflict, Code: "exists", Message: "there is one of that name already", Title: notSaved, Text: "There is one of that name already."}},
	{target: auth.ErrNoDeadline, Kind: Kind{Status: http.StatusConflict, Code: "expired", Message: auth.ErrNoDeadline.Error()}},
	{target: store.ErrNotFound, Kind: Kind{Status: http.StatusNotFound, Code: "not_found", Message: "there is none of that name", Title: NotFoundTitle, Text: NotFoundText}},
	{target: deliveries.ErrNotFound, Kind: Kind{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such delivery or capture for you, or it is not kept any more", Title: NotFoundTitle, Text: NotFoundText}},
	{target: deliveries.ErrTooMany, Kind: Kind{Status: http.StatusServiceUnavailable, Code: "overloaded", Message: "too many captures are open; try again later", Retry: time.Minute,
		Title: "Too many captures are open", Text: "Close one, or try again in some minutes."}},
	{target: deliveries.ErrTooManyOwn, Kind: Kind{Status: http.StatusTooManyRequests, Code: "too_many_requests", Message: "five captures of yours are open; close one, or try again later", Retry: time.Minute,
		Title: "Too many captures are open", Text: "Five of yours are open. Close one, or try again in some minutes."}},
	{target: failure.ErrNotFound, Kind: Kind{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such failure for you, or it was not seen for 30 days", Title: NotFoundTitle, Text: NotFoundText}},
	{target: webhook.ErrNotFound, Kind: Kind{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such delivery or endpoint", Title: NotFoundTitle, Text: NotFoundText}},
	{target: webhook.ErrDisabled, Kind: Kind{Status: http.StatusConflict, Code: "endpoint_disabled", Message: "the endpoint of the delivery is disabled: enable it first",
		Title: "The endpoint is disabled", Text: "Enable the endpoint first, then send the delivery again."}},
	{target: os.ErrDeadlineExceeded, Kind: Kind{Status: http.StatusRequestTimeout, Code: "request_timeout", Message: "the request took too long to arrive"}},
	{target: ErrHandOver, Kind: Kind{Status: http.StatusGatewayTimeout, Code: "handed_over", Message: "this server stops; the run goes on, its result can be read later"}},
	{target: context.Canceled, Kind: Kind{Status: StatusGone, Code: "caller_gone", Message: "the caller did not wait"}},
}

// The page for an unknown object or path.
const (
	NotFoundTitle = "Nothing is here"
	NotFoundText  = "The page may have moved, or what it showed was deleted."
)

// internal is the kind of all other errors. Read only.
var internal = Kind{Status: http.StatusInternalServerError, Code: "internal", Message: "internal error; the request id names it in our log", Hidden: true,
	PageStatus: http.StatusInternalServerError, Title: "Something went wrong here", Text: "The log says what, under the request id of this answer."}

// Of returns the kind of an error. An error that is not in the table is internal.
func Of(err error) Kind {
	for _, k := range kinds {
		if k.target != nil {
			if errors.Is(err, k.target) {
				k.Hidden = true
				return k.withPage(k.Message)
			}
		} else if text, ok := k.as(err); ok {
			k.Message += text
			return k.withPage(text)
		}
	}
	return internal
}

// PageTexts lists the titles and texts of pages that do not depend on the error.
func PageTexts() []string {
	all := []string{internal.Title, internal.Text}
	for _, k := range kinds {
		for _, text := range []string{k.Title, k.Text} {
			if text != "" && !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
	}
	return all
}

// withPage fills in the fields of the page that the table does not have.
func (k Kind) withPage(text string) Kind {
	if k.PageStatus == 0 {
		k.PageStatus = k.Status
	}
	if k.Title == "" {
		k.Title = http.StatusText(k.Status)
	}
	if k.Text == "" {
		k.Text = text
	}
	return k
}

func textOf[T error](err error) (string, bool) {
	var e T
	if !errors.As(err, &e) {
		return "", false
	}
	return e.Error(), true
}

// fixed matches a type whose text is not part of the message.
func fixed[T error](err error) (string, bool) {
	var e T
	return "", errors.As(err, &e)
}

func firstProblem(err error) (string, bool) {
	var problems problem.List
	if !errors.As(err, &problems) {
		return "", false
	}
	return problems[0].Error(), true
}

func resumedBy(err error) (string, bool) {
	var e *queue.ResumedError
	if !errors.As(err, &e) {
		return "", false
	}
	return e.By, true
}

func sizeLimit(err error) (string, bool) {
	var large *http.MaxBytesError
	if !errors.As(err, &large) {
		return "", false
	}
	return fmt.Sprintf("%d bytes", large.Limit), true
}
