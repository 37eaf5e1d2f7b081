package httpstep

import (
	"cmp"
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
	if s.proxy != "" {
		if call.host != "" && call.url.Scheme == "http" { // the proxy would send the request to that host
			return nil, failure.Errorf("the header Host of a request by http:// cannot be set when it goes through a proxy")
		}
		proxy, err := proxied(ctx, env.Connections, s.proxy)
		if err != nil {
			return nil, err
		}
		transport.base = proxy.Transport(env.HTTP)
	}
	if s.trust != nil {
		trusting, err := s.trust.transport(transport.base)
		if err != nil {
			return nil, err
		}
		transport.base = trusting
	}
	conns, err := s.connections.find(ctx, in, call)
	if err != nil {
		return nil, err
	}
	transport.conns = conns
	client := &http.Client{Transport: transport, CheckRedirect: redirects{s.redirects, call.body}.check}
	if s.cookies {
		client.Jar = newCookieJar()
	}
	return client, nil
}

func proxied(ctx context.Context, all flows.Connections, name string) (flows.HTTPProxy, error) {
	if all == nil {
		return nil, failure.Errorf("there is no connection %q: no connections are configured here", name)
	}
	return all.Proxy(ctx, name)
}

// find finds a connection.
func find(ctx context.Context, all flows.Connections, name string) (flows.HTTPConnection, error) {
	if all == nil {
		return nil, failure.Errorf("there is no connection %q: no connections are configured here", name)
	}
	conn, err := all.HTTP(ctx, name)
	if err != nil {
		return nil, &flows.Error{Code: flows.CodeStepFailed, Message: err.Error(), Err: err}
	}
	return conn, nil
}

// connect finds the connection and checks that the first request may carry its credential.
func connect(ctx context.Context, all flows.Connections, name string, call *httpCall) (flows.HTTPConnection, error) {
	conn, err := find(ctx, all, name)
	if err != nil {
		return nil, err
	}
	for _, target := range []*url.URL{call.url, withHost(call.url, call.host)} {
		if !conn.Allows(target) {
			return nil, failure.Errorf("connection %q must not be used for %s: its allowed hosts do not include it%s", name, origin(target), schemeHint(target))
		}
	}
	return conn, nil
}

// withHost returns the URL of a request as its server sees it, with the header Host; "": none.
func withHost(target *url.URL, host string) *url.URL {
	seen := *target
	seen.Host = cmp.Or(host, target.Host)
	return &seen
}

// pinnedTransport sends each request of a chain of redirects. It adds credentials for allowed hosts only; a
// redirect to another host is followed without it.
type pinnedTransport struct {
	base  http.RoundTripper
	conns []flows.HTTPConnection
}

// RoundTrip implements http.RoundTripper.
func (h pinnedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := through(h.conns, req, h.base).RoundTrip(req)
	if err != nil {
		return nil, err
	}
	// net/http would quote the whole URL in its error.
	if _, err := url.Parse(resp.Header.Get("Location")); err != nil {
		resp.Header.Del("Location")
	}
	return resp, nil
}

// schemeHint says how a host without TLS is written among the hosts of a connection; empty for one with TLS.
func schemeHint(target *url.URL) string {
	if target.Scheme != "http" {
		return ""
	}
	return "; a host stands for https there, without TLS it is written as " + origin(target)
}
