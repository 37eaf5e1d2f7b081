package smartsync

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/flows"
)

// writeAnswer writes the response of a flow that responded before its end. Callers of this API read nothing but its
// envelope, so a body becomes the output, unless the flow asked for no envelope. A status of 400 or more becomes a
// failure with status 400, as for a failed run.
func writeAnswer(c *gin.Context, answer *flows.Response) {
	if answer.Items != nil || answer.Bare || answer.File != "" {
		runner.WriteAnswer(c, answer, successOpen)
		return
	}
	httpx.StateOf(c).ByFlow = true
	h := c.Writer.Header()
	status, _ := runner.AnswerHeader(answer, h)
	switch {
	case status >= http.StatusBadRequest:
		WriteFault(c, &httpx.Fault{Status: http.StatusBadRequest, Message: messageOf(answer.Body), Run: httpx.StateOf(c).Run})
		return
	case status == http.StatusNoContent || status == http.StatusResetContent || status == http.StatusNotModified:
		status = http.StatusOK // these have no body, and thus no envelope
	}
	httpx.Write(c, status, httpx.TypeJSON, successOpen, outputOf(answer), runner.SuccessClose)
}

// outputOf returns a body as an output, which is always an array: a JSON array as it is, another JSON value and a
// text as the only item, and other bytes as base64.
func outputOf(answer *flows.Response) []byte {
	body := answer.Body
	switch {
	case len(body) == 0:
		return []byte("[]")
	case isJSON(answer.Headers["content-type"]) && json.Valid(body):
		if body = bytes.TrimSpace(body); body[0] == '[' {
			return body
		}
	case utf8.Valid(body):
		body = quote(string(body))
	default:
		body = quote(base64.StdEncoding.EncodeToString(body))
	}
	return append(append([]byte("["), body...), ']')
}

// messageOf returns the message of a failure: the text of a JSON string, else the body as it is.
func messageOf(body []byte) string {
	text := ""
	if json.Unmarshal(body, &text) == nil && text != "" {
		return text
	}
	if len(body) == 0 || !utf8.Valid(body) {
		return "the flow responded with a failure"
	}
	return string(body)
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
}

func quote(text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // texts always encode
	}
	return quoted
}

// successOpen is the envelope of a successful response of the SmartSYNC API up to the output. Read only.
var successOpen = []byte(`{"success":true,"output":`)

// failure is the envelope of all other responses of the SmartSYNC API.
type failure struct {
	Success bool        `json:"success"` // false
	Error   failureBody `json:"error"`
}

type failureBody struct {
	Code  int    `json:"code"` // the HTTP status
	Msg   string `json:"msg"`
	RunID string `json:"run_id,omitempty"`
}

// WriteFault writes a fault in the envelope of a failure.
func WriteFault(c *gin.Context, f *httpx.Fault) {
	text, err := json.Marshal(failure{Error: failureBody{Code: f.Status, Msg: f.Message, RunID: f.Run}})
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	httpx.Write(c, f.Status, httpx.TypeJSON, text)
}
