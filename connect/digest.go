package connect

import (
	"context"
	"net/http"

	"github.com/icholy/digest"
)

func digestType() Type {
	return Type{
		Name: "digest", Summary: "HTTP Digest (RFC 7616) with MD5, SHA-256 or SHA-512: a server that answers 401 gets the request again, with a hash of the password.", Pinned: true,
		Fields: []Field{
			{Name: "username", Required: true, Summary: "User name."},
			{Name: "password", Required: true, Secret: true, Summary: "Password."},
		},
		open: func(_ *Resolver, s settings) (any, error) {
			shared := &digest.Transport{Username: s.Text["username"], Password: s.Text["password"], Transport: baseOfContext{}}
			wrap := func(base http.RoundTripper) http.RoundTripper { return digestTransport{base, shared} }
			return (&pinned{order: 1, wrap: wrap}).sets("Authorization"), nil
		},
	}
}

// digestTransport answers the challenges of servers. shared counts the uses of each challenge, for all requests of the
// connection.
type digestTransport struct {
	base   http.RoundTripper
	shared *digest.Transport
}

// RoundTrip implements http.RoundTripper.
func (d digestTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := req.Clone(context.WithValue(req.Context(), baseKey{}, masksCredentials{d.base}))
	if _, err := readBody(sent); err != nil {
		return nil, err
	}
	resp, err := d.shared.RoundTrip(sent)
	if err == nil {
		resp.Request = req
	}
	return resp, err
}

// baseKey is the key of a context's value for the transport of a request.
type baseKey struct{}

// baseOfContext sends each request by the transport in its context.
type baseOfContext struct{}

// RoundTrip implements http.RoundTripper.
func (baseOfContext) RoundTrip(req *http.Request) (*http.Response, error) {
	return req.Context().Value(baseKey{}).(http.RoundTripper).RoundTrip(req)
}
