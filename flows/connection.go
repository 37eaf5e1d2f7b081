package flows

import (
	"context"
	"net/http"
	"net/url"
)

// Connections finds the connections that steps name. Safe for concurrent use.
type Connections interface {
	// HTTP returns the connection of that name for http steps. Its error is
	// shown to the caller: it names the connection and never its credential.
	HTTP(ctx context.Context, name string) (HTTPConnection, error)
}

// HTTPConnection is a credential for HTTP, pinned to the hosts that may see
// it. The http step enforces the pin: a kind of connection cannot forget it.
// Safe for concurrent use.
type HTTPConnection interface {
	// Allows reports whether a request to u may carry the credential.
	Allows(u *url.URL) bool
	// Transport returns base with the credential added to each request, or a
	// transport of its own that presents a client certificate. It sees only
	// requests that Allows lets through, and is called for every one of them.
	Transport(base http.RoundTripper) http.RoundTripper
}
