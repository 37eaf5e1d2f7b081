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

// Error is an error response of the server.
type Error struct {
	Status     int
	Code       string        // stable code of the error; empty for the SmartSYNC API
	Message    string        // explanation by the server
	Run        string        // id of the run; empty: none
	Step       string        // name of the failed step; empty: none
	RetryAfter time.Duration // time to wait before the next attempt; zero: not known
	RequestID  string        // id of the request in the log of the server
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

// maxExcerpt is the maximum length, in bytes, of the excerpt of a response with an unknown format. A flow may
// respond to a failure in any format.
const maxExcerpt = 300

func excerpt(body []byte) string {
	if len(body) <= maxExcerpt {
		return strings.TrimSpace(string(body))
	}
	return strings.ToValidUTF8(string(body[:maxExcerpt]), "") + "…"
}

// newError decodes an error of either format: the problem document of the native API or the failure of the
// SmartSYNC API.
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
		_ = json.Unmarshal(body.Error, &smart) // fails for an OAuth error, which is a string
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
