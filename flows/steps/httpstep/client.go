package httpstep

import (
	"context"
	"net/http"
	"net/url"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// client returns the HTTP client for one item: the shared transport, with the credentials of the step's connections and
// the step's certificate authorities.
func (s *step) client(ctx context.Context, in *flows.Input, call *httpCall) (*http.Client, error) {
	env := in.Env()
	if env.HTTP == nil {
		return nil, failure.Errorf("there is no network here: http steps cannot run")
	}
	transport := pinnedTransport{base: env.HTTP}
	if s.trust != nil {
		trusting, err := s.trust.transport(env.HTTP)
		if err != nil {
			return nil, err
		}
		transport.base = trusting
	}
	conns, err := s.connections.find(ctx, in, call.url)
	if err != nil {
		return nil, err
	}
	transport.conns = conns
	return &http.Client{Transport: transport, CheckRedirect: redirects{s.redirects}.check}, nil
}

// connect finds the connection and checks that the first request may carry its credential.
func connect(ctx context.Context, all flows.Connections, name string, target *url.URL) (flows.HTTPConnection, error) {
	if all == nil {
		return nil, failure.Errorf("there is no connection %q: no connections are configured here", name)
	}
	conn, err := all.HTTP(ctx, name)
	if err != nil {
		return nil, &flows.Error{Code: flows.CodeStepFailed, Message: err.Error(), Err: err}
	}
	if !conn.Allows(target) {
		return nil, failure.Errorf("connection %q must not be used for %s: its allowed hosts do not include it", name, origin(target))
	}
	return conn, nil
}

// pinnedTransport sends each request of a chain of redirects. It adds credentials for allowed hosts only; a
// redirect to another host is followed without it.
type pinnedTransport struct {
	base  http.RoundTripper
	conns []flows.HTTPConnection
}

// RoundTrip implements http.RoundTripper.
func (h pinnedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := through(h.conns, req.URL, h.base).RoundTrip(req)
	if err != nil {
		return nil, err
	}
	// net/http would quote the whole URL in its error.
	if _, err := url.Parse(resp.Header.Get("Location")); err != nil {
		resp.Header.Del("Location")
	}
	return resp, nil
}
