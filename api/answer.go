package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	"golang.org/x/net/http/httpguts"

	"penstock/queue"
)

// ours are the headers that a flow does not choose: they frame the answer,
// name the request and the run, or would let a flow's answer act on behalf of
// what else is served at this origin. Read only.
var ours = []string{
	"Connection", "Content-Length", "Content-Security-Policy", "Date", "Keep-Alive", "Set-Cookie", "Trailer", "Transfer-Encoding", "Upgrade",
	"Www-Authenticate", "X-Content-Type-Options", headerRequestID, headerRun, "Server-Timing",
}

// writeAnswer writes what a flow itself answered. opening goes before its
// items when it left the form of the answer to the door.
func writeAnswer(c *gin.Context, answer *queue.Answer, opening []byte) {
	of(c).byFlow = true
	status := answer.Status
	if status < 200 || status > 599 {
		status = http.StatusOK
	}
	h := c.Writer.Header()
	contentType := []string(nil)
	for name, value := range answer.Headers {
		name = http.CanonicalHeaderKey(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value):
		case slices.Contains(ours, name) || strings.HasPrefix(name, "Access-Control-"):
		case name == "Content-Type":
			contentType = []string{value}
		default:
			h[name] = []string{value}
		}
	}
	h["Content-Security-Policy"] = sandboxed
	switch {
	case answer.Items != nil:
		write(c, status, typeJSON, opening, answer.Items, successClose)
	case status == http.StatusNoContent || status == http.StatusNotModified:
		h["Cache-Control"] = noStore
		c.Status(status) // a Content-Length would be wrong
	default:
		write(c, status, contentType, answer.Body)
	}
}

// sandboxed keeps a page that a flow made, perhaps of what somebody sent it,
// from running scripts at this origin. Read only.
var sandboxed = []string{"sandbox"}
