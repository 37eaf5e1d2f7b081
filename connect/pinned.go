package connect

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/hostlist"
	"github.com/penstock/penstock/internal/mask"
)

// pinned is an HTTP credential. It implements flows.HTTPConnection.
type pinned struct {
	kind  string // the type of the connection
	hosts hostlist.List
	order int // see Order
	wrap  func(base http.RoundTripper) http.RoundTripper
	// once is wrap without another try after a rotation; nil: wrap itself has none.
	once func(base http.RoundTripper) http.RoundTripper
	// headers are the names of the headers that it sets.
	headers []string
	// base returns the base of relative URLs; nil: there is none.
	base func(ctx context.Context) (string, error)
	// model is the API of language models; nil: it is another one.
	model *flows.ModelAPI
}

// Base returns the base of the URLs of steps that begin with a slash; empty: the connection has none.
func (p *pinned) Base(ctx context.Context) (string, error) {
	if p.base == nil {
		return "", nil
	}
	return p.base(ctx)
}

// Model implements flows.ModelConnection.
func (p *pinned) Model() *flows.ModelAPI { return p.model }

// sets names the headers that the connection sets.
func (p *pinned) sets(headers ...string) *pinned {
	p.headers = headers
	return p
}

// Sets returns the names of the headers that the connection sets: two connections of a request must not set the same.
func (p *pinned) Sets() []string { return p.headers }

// Type returns the type of the connection, which an operation of a connector may restrict.
func (p *pinned) Type() string { return p.kind }

// Allows implements flows.HTTPConnection.
func (p *pinned) Allows(u *url.URL) bool {
	return p.hosts.Allows(u)
}

// Order returns when the connection sees a request that has several: 0 in the order of the step, 1 after those, because it
// signs the request, 2 last, because it sends the request by a transport of its own.
func (p *pinned) Order() int { return p.order }

// Transport implements flows.HTTPConnection.
func (p *pinned) Transport(base http.RoundTripper) http.RoundTripper { return p.wrap(base) }

// decorated returns a connection that modifies each request.
func decorated(change func(*http.Request)) *pinned {
	return changed(0, func(req *http.Request) error { change(req); return nil })
}

// changed returns a connection that modifies each request, with that order. change may replace the body.
func changed(order int, change func(*http.Request) error) *pinned {
	return &pinned{order: order, wrap: func(base http.RoundTripper) http.RoundTripper { return changer{base, change} }}
}

// changer changes each request before it is sent.
type changer struct {
	base   http.RoundTripper
	change func(*http.Request) error
}

// RoundTrip implements http.RoundTripper.
func (c changer) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := req.Clone(req.Context())
	if err := c.change(sent); err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	maskCredentials(sent)
	resp, err := c.base.RoundTrip(sent)
	if err == nil {
		resp.Request = req // the caller must not see the credential in the request
	}
	return resp, err
}

// proofParameter is a parameter of credentials whose value is made of a secret or is one: of Digest (RFC 7616, section 3.4), OAuth
// 1.0 (RFC 5849, section 3.5.1) and signatures.
var proofParameter = regexp.MustCompile(`(?i)\b(?:response|c?nonce|(?:oauth_)?signature|oauth_nonce|oauth_token)="?([^",&\s]+)`)

// maskCredentials masks the credentials of the header Authorization in what comes back (RFC 9110, section 11.4): as a whole, and
// the proofs in them. Those of Proxy-Authorization are not in the request yet: see secretsOf.
func maskCredentials(sent *http.Request) {
	_, credentials, _ := strings.Cut(sent.Header.Get("Authorization"), " ")
	mask.Add(sent.Context(), credentials)
	for _, found := range proofParameter.FindAllStringSubmatch(credentials, -1) {
		decoded, _ := url.PathUnescape(found[1]) // of OAuth; empty: it is not escaped
		mask.Add(sent.Context(), found[1], decoded)
	}
}

// masksCredentials masks the credentials of the requests that it sends.
type masksCredentials struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (m masksCredentials) RoundTrip(req *http.Request) (*http.Response, error) {
	maskCredentials(req)
	return m.base.RoundTrip(req)
}
