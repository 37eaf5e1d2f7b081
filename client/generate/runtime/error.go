package runtime

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Error is an answer that is no success. Status 202 with code "waiting" means that the run goes on.
type Error struct {
	Status     int
	Code       string        // stable, for programs: "bad_parameter"; empty: the answer has another form
	Message    string        // for people
	Parameter  string        // wrong parameter; empty: none
	Step       string        // failed step of the flow; empty: none
	Run        string        // id of the run; empty: none began
	RetryAfter time.Duration // zero: the server names none
	RequestID  string        // id of the request in the server's log
	Body       []byte        // as received

	replayed bool // the answer of an earlier run
	bearer   bool // the token has ended, or is unknown
}

// Error says what failed, and where.
func (e *Error) Error() string {
	text := fmt.Sprintf("%d %s: ", e.Status, http.StatusText(e.Status))
	if e.Step != "" {
		text += "step " + e.Step + ": "
	}
	text += e.Message
	if e.Run != "" {
		text += " (run " + e.Run + ")"
	}
	return text
}

// temporary reports whether the server asks to come again. A run that failed with such a status is final: with the same
// key its answer would be the same.
func (e *Error) temporary() bool {
	return (e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable) && !e.replayed && (e.Run == "" || e.RetryAfter > 0)
}

func (e *Error) tokenEnded() bool {
	return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden && e.bearer
}

// unreachable is the error of an attempt without an answer.
type unreachable struct{ error }

func (e *unreachable) Error() string { return "call server: " + e.error.Error() }
func (e *unreachable) Unwrap() error { return e.error }

// newError reads a problem (RFC 9457), or an error of a token endpoint (RFC 6749).
func newError(answer *Response) *Error {
	var body struct {
		Detail      string `json:"detail"`
		Code        string `json:"code"`
		Parameter   string `json:"parameter"`
		Step        string `json:"step"`
		RunID       string `json:"run_id"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(answer.Body, &body) // a flow may answer in any form
	h := answer.Header
	e := &Error{
		Status:     answer.Status,
		Code:       cmp.Or(body.Code, body.Error),
		Message:    cmp.Or(body.Detail, body.Description, "the server does not say why"),
		Parameter:  body.Parameter,
		Step:       body.Step,
		Run:        cmp.Or(body.RunID, h.Get("Penstock-Run-Id")),
		RetryAfter: retryAfter(h.Get("Retry-After")),
		RequestID:  h.Get("X-Request-Id"),
		Body:       answer.Body,
		replayed:   h.Get("Idempotent-Replayed") == "true",
		bearer:     strings.Contains(strings.Join(h.Values("WWW-Authenticate"), ","), `error="invalid_token"`),
	}
	if answer.Status == http.StatusAccepted {
		e.Code, e.Message = "waiting", "the run goes on: call again with the same IdempotencyKey, or read the run"
	}
	return e
}

// retryAfter reads seconds or a date (RFC 9110, section 10.2.3).
func retryAfter(text string) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}
