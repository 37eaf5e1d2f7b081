package flows

import (
	"net/textproto"
	"slices"
	"strings"
)

// reservedHeaders are the headers that no response of a flow can have: they frame the response, identify the request or
// the run, affect other resources of the server's origin, or control a proxy. Read only.
var reservedHeaders = []string{
	"Connection", "Content-Length", "Date", "Keep-Alive", "Proxy-Connection", "Trailer", "Transfer-Encoding", "Upgrade",
	"X-Request-Id", "Penstock-Run-Id", "Server-Timing",
	"Proxy-Authenticate", "Set-Cookie", "Set-Login", "Www-Authenticate",
	"Content-Security-Policy", "Content-Security-Policy-Report-Only", "Permissions-Policy", "X-Content-Type-Options", "X-Frame-Options",
	"Cross-Origin-Embedder-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Origin-Agent-Cluster", "Timing-Allow-Origin",
	"Alt-Svc", "Clear-Site-Data", "Expect-Ct", "Nel", "Public-Key-Pins", "Refresh", "Report-To", "Reporting-Endpoints", "Service-Worker-Allowed",
	"Speculation-Rules", "Strict-Transport-Security",
	"X-Sendfile", "X-Lighttpd-Send-File", "X-Reproxy-Url",
}

// ReservedHeaders lists the headers that no response of a flow can have, for documentation.
func ReservedHeaders() []string {
	return append(slices.Sorted(slices.Values(reservedHeaders)), "Access-Control-*", "X-Accel-*")
}

// IsReservedHeader reports whether no response of a flow can have a header.
func IsReservedHeader(name string) bool {
	name = textproto.CanonicalMIMEHeaderKey(name)
	return slices.Contains(reservedHeaders, name) || strings.HasPrefix(name, "Access-Control-") || strings.HasPrefix(name, "X-Accel-")
}
