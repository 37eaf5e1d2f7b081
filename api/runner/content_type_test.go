package runner

import (
	"testing"

	"github.com/penstock/penstock/flows"
)

// The response of a flow is never sent as a script or style sheet that the policy of the console trusts.
func TestAnswersAreInert(t *testing.T) {
	t.Parallel()
	for _, media := range []string{
		"text/javascript", "application/javascript", "application/x-javascript", "TEXT/JavaScript; charset=utf-8", " text/javascript ;x",
		"application/ecmascript", "text/ecmascript", "text/x-ecmascript", "text/jscript", "text/livescript", "text/javascript1.5",
		"text/css", "application/wasm", "application/manifest+json",
		"text/html, text/css", "text/html,text/javascript", "text/html; a=b, Text/CSS; charset=utf-8", "application/json,application/wasm",
	} {
		if got := inertType(media); got != "text/plain; charset=utf-8" {
			t.Errorf("%s is sent as %s", media, got)
		}
	}
	for _, media := range []string{"text/html", "application/json", "image/svg+xml", "application/xml", "text/csv", "application/pdf", "text/html, text/plain", ""} {
		if got := inertType(media); got != media {
			t.Errorf("%s is sent as %s", media, got)
		}
	}
}

// A flow cannot set headers that affect the whole origin or a proxy.
func TestHeadersOfAnOriginAreNotAFlows(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"strict-transport-security", "clear-site-data", "service-worker-allowed", "refresh", "set-cookie", "content-security-policy",
		"content-security-policy-report-only", "alt-svc", "nel", "report-to", "reporting-endpoints", "public-key-pins", "expect-ct",
		"access-control-allow-origin", "access-control-allow-credentials", "cross-origin-opener-policy", "cross-origin-resource-policy",
		"x-frame-options", "x-content-type-options", "permissions-policy", "origin-agent-cluster", "x-accel-redirect", "x-sendfile",
		"www-authenticate", "transfer-encoding", "connection", "speculation-rules",
	} {
		if !flows.IsReservedHeader(name) {
			t.Errorf("a flow may set %s", name)
		}
	}
	for _, name := range []string{"location", "link", "etag", "cache-control", "retry-after", "content-disposition", "content-language", "x-flow", "last-modified"} {
		if flows.IsReservedHeader(name) {
			t.Errorf("a flow may not set %s", name)
		}
	}
}
