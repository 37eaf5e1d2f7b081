package runner

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	"golang.org/x/net/http/httpguts"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/flows"
)

// executableTypes are the media types, or parts of them, that a page of this origin would execute or apply. Read only.
var executableTypes = []string{
	"javascript", "ecmascript", "jscript", "livescript",
	"text/css", "application/wasm", "application/manifest+json", "text/cache-manifest", "application/speculationrules+json",
}

// inertType returns the media type with which the response of a flow is sent. Scripts and style sheets become text,
// because the Content-Security-Policy of the console trusts its own origin. The body is unchanged. HTML documents
// keep their type and are sandboxed instead. The whole value counts: of several types with commas between them,
// browsers take the last one (WHATWG Fetch, extract a MIME type).
func inertType(contentType string) string {
	lower := strings.ToLower(contentType)
	if slices.ContainsFunc(executableTypes, func(t string) bool { return strings.Contains(lower, t) }) {
		return "text/plain; charset=utf-8"
	}
	return contentType
}

// WriteAnswer writes the response that a flow chose. If the flow responds with its items, opening is written before
// them: the beginning of the envelope of the API that was called, unless the flow asked for no envelope.
func WriteAnswer(c *gin.Context, answer *flows.Response, opening []byte) {
	httpx.StateOf(c).ByFlow = true
	h := c.Writer.Header()
	status, contentType := AnswerHeader(answer, h)
	switch {
	case answer.Items != nil && answer.Bare:
		httpx.Write(c, status, httpx.TypeJSON, answer.Items)
	case answer.Items != nil:
		httpx.Write(c, status, httpx.TypeJSON, opening, answer.Items, SuccessClose)
	case status == http.StatusNoContent || status == http.StatusNotModified:
		h["Cache-Control"] = httpx.NoStore
		c.Status(status) // a Content-Length would be wrong
	case answer.File != "":
		h["Content-Type"] = contentType
		if err := httpx.WriteFile(c, status, httpx.StateOf(c).Run, answer.File); err != nil {
			httpx.Fail(c, err)
		}
	default:
		httpx.Write(c, status, contentType, answer.Body)
	}
}

// AnswerHeader copies the headers that a flow may set to h. It returns the status of the response, and the media type
// of its body, nil if the flow set none.
func AnswerHeader(answer *flows.Response, h http.Header) (status int, contentType []string) {
	status = answer.Status
	if status < 200 || status > 599 {
		status = http.StatusOK
	}
	for name, value := range answer.Headers {
		name = http.CanonicalHeaderKey(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value):
		case flows.IsReservedHeader(name): // validate refuses it; a flow that was deployed earlier may have it
		case name == "Content-Type":
			contentType = []string{inertType(value)}
		default:
			h[name] = []string{value}
		}
	}
	h["Content-Security-Policy"] = sandboxPolicy
	return status, contentType
}

// sandboxPolicy prevents a page that a flow returns, and that may contain data of other people, from running
// scripts at this origin. Read only.
var sandboxPolicy = []string{"sandbox"}
