package client

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Error is an answer of the server that is not what was asked for.
type Error struct {
	Status     int
	Code       string        // a stable word; the SmartSYNC door has none
	Message    string        // what the server says
	Run        string        // the run it belongs to; empty: none
	Step       string        // the step that failed; empty: none
	RetryAfter time.Duration // when to come back; zero: not said
	RequestID  string        // names the request in the server's log
}

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

// maxExcerpt bounds what is shown of an answer that is no envelope, in bytes: a
// flow may answer a failure in any form.
const maxExcerpt = 300

func excerpt(body []byte) string {
	if len(body) <= maxExcerpt {
		return strings.TrimSpace(string(body))
	}
	return strings.ToValidUTF8(string(body[:maxExcerpt]), "") + "…"
}

// newError reads either envelope: the problem of the native door or the
// failure of the SmartSYNC one.
func newError(a *answer) *Error {
	var body struct {
		Detail string          `json:"detail"`
		Code   string          `json:"code"`
		RunID  string          `json:"run_id"`
		Step   string          `json:"step"`
		Error  json.RawMessage `json:"error"`
	}
	var smart struct {
		Msg   string `json:"msg"`
		RunID string `json:"run_id"`
	}
	if json.Unmarshal(a.body, &body) == nil && body.Error != nil {
		_ = json.Unmarshal(body.Error, &smart) // not that envelope: an OAuth error is a string
	}
	e := &Error{
		Status:    a.status,
		Code:      body.Code,
		Message:   cmp.Or(body.Detail, smart.Msg, excerpt(a.body), "the server does not say why"),
		Run:       cmp.Or(body.RunID, smart.RunID, a.header.Get("Penstock-Run-Id")),
		Step:      body.Step,
		RequestID: a.header.Get("X-Request-Id"),
	}
	if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}
