package connect

import (
	"net/http"
	"net/url"
	"slices"
)

// pinned is an HTTP credential. It implements flows.HTTPConnection.
type pinned struct {
	hosts []host
	order int // see Order
	wrap  func(base http.RoundTripper) http.RoundTripper
}

// Allows implements flows.HTTPConnection.
func (p *pinned) Allows(u *url.URL) bool {
	return slices.ContainsFunc(p.hosts, func(h host) bool { return h.matches(u) })
}

// Order returns when the connection sees a request that has several: 0 in the order of the step, 1 after those, because it
// signs the request, 2 last, because it sends the request by a transport of its own.
func (p *pinned) Order() int { return p.order }

// Transport implements flows.HTTPConnection.
func (p *pinned) Transport(base http.RoundTripper) http.RoundTripper { return p.wrap(base) }

// decorated returns a connection that modifies each request.
func decorated(change func(*http.Request)) *pinned {
	return &pinned{wrap: func(base http.RoundTripper) http.RoundTripper { return decorator{base, change} }}
}

type decorator struct {
	base   http.RoundTripper
	change func(*http.Request)
}

// RoundTrip implements http.RoundTripper.
func (d decorator) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := req.Clone(req.Context())
	d.change(sent)
	resp, err := d.base.RoundTrip(sent)
	if err == nil {
		resp.Request = req // the caller must not see the credential in the request
	}
	return resp, err
}
