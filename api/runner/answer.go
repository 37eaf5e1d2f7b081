package runner

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	"golang.org/x/net/http/httpguts"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/queue"
)

// reservedHeaders are the headers that a flow does not choose: they frame the answer,
// name the request and the run, would let a flow's answer act on behalf of
// what else is served at this origin, or are orders to a proxy before it.
// docs/security.md lists them. Read only.
var reservedHeaders = []string{
	"Connection", "Content-Length", "Date", "Keep-Alive", "Proxy-Connection", "Trailer", "Transfer-Encoding", "Upgrade",
	httpx.HeaderRequestID, httpx.HeaderRun, "Server-Timing",
	"Proxy-Authenticate", "Set-Cookie", "Set-Login", "Www-Authenticate",
	"Content-Security-Policy", "Content-Security-Policy-Report-Only", "Permissions-Policy", "X-Content-Type-Options", "X-Frame-Options",
	"Cross-Origin-Embedder-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Origin-Agent-Cluster", "Timing-Allow-Origin",
	"Alt-Svc", "Clear-Site-Data", "Expect-Ct", "Nel", "Public-Key-Pins", "Refresh", "Report-To", "Reporting-Endpoints", "Service-Worker-Allowed",
	"Speculation-Rules", "Strict-Transport-Security",
	"X-Sendfile", "X-Lighttpd-Send-File", "X-Reproxy-Url",
}

// isReserved reports whether a flow may not set a header, whose name is canonical.
func isReserved(name string) bool {
	return slices.Contains(reservedHeaders, name) || strings.HasPrefix(name, "Access-Control-") || strings.HasPrefix(name, "X-Accel-")
}

// executableTypes are the media types, but for JavaScript's, that a page of this
// origin would execute or apply. Read only.
var executableTypes = []string{"text/css", "application/wasm", "application/manifest+json", "text/cache-manifest", "application/speculationrules+json"}

// inertType is the type under which an answer is sent: script and style of a flow
// go out as text, so that the console's policy, which trusts its own origin,
// does not trust them. The bytes stay as they are. Documents are sandboxPolicy
// instead.
func inertType(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	if slices.Contains(executableTypes, media) || strings.Contains(media, "javascript") || strings.Contains(media, "ecmascript") ||
		strings.Contains(media, "jscript") || strings.Contains(media, "livescript") {
		return "text/plain; charset=utf-8"
	}
	return contentType
}

// WriteAnswer writes what a flow itself answered. opening goes before its
// items when it left the form of the answer to the door.
func WriteAnswer(c *gin.Context, answer *queue.Answer, opening []byte) {
	httpx.StateOf(c).ByFlow = true
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
		case isReserved(name):
		case name == "Content-Type":
			contentType = []string{inertType(value)}
		default:
			h[name] = []string{value}
		}
	}
	h["Content-Security-Policy"] = sandboxPolicy
	switch {
	case answer.Items != nil:
		httpx.Write(c, status, httpx.TypeJSON, opening, answer.Items, SuccessClose)
	case status == http.StatusNoContent || status == http.StatusNotModified:
		h["Cache-Control"] = httpx.NoStore
		c.Status(status) // a Content-Length would be wrong
	default:
		httpx.Write(c, status, contentType, answer.Body)
	}
}

// sandboxPolicy keeps a page that a flow made, perhaps of what somebody sent it,
// from running scripts at this origin. Read only.
var sandboxPolicy = []string{"sandbox"}
