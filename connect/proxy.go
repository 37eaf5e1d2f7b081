package connect

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"

	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/flows"
)

func proxyType() Type {
	return Type{
		Name: "proxy", Summary: "An HTTP proxy that http steps send their requests through. It resolves the names of their hosts and decides what can be reached: the rules of Penstock for networks apply to the address of the proxy only.",
		Fields: []Field{
			{Name: "url", Required: true, Summary: "Address of the proxy, such as http://proxy.example.org:3128, or https:// for TLS to the proxy."},
			{Name: "username", Summary: "User name for the proxy (HTTP Basic); default: no login."},
			{Name: "password", Secret: true, Summary: "Password."},
			{Name: "trusted_network", Summary: "Networks that the proxy is in, such as `10.20.0.0/16, fd00::/8`, if they are not public. The resolved address is checked for each connection."},
		},
		open: func(_ *Resolver, s settings) (any, error) { return newProxy(s) },
	}
}

// proxy implements flows.HTTPProxy.
type proxy struct {
	name string // of the connection
	own  *ownTransports
}

func newProxy(s settings) (*proxy, error) {
	target, err := url.Parse(s.Text["url"])
	switch {
	case err != nil, target.Scheme != "http" && target.Scheme != "https", target.Hostname() == "", target.User != nil,
		target.Path != "" && target.Path != "/", target.RawQuery != "", target.Fragment != "":
		return nil, errors.New("url is no address of a proxy such as http://proxy.example.org:3128; a login goes into username and password")
	}
	if s.Text["username"] != "" {
		target.User = url.UserPassword(s.Text["username"], s.Text["password"])
	}
	trusted, err := server.ReadNetworks(s.Text["trusted_network"])
	if err != nil {
		return nil, err
	}
	p := &proxy{name: s.conn.Name}
	p.own = newOwnTransports(func(made *http.Transport) {
		dial := made.DialContext
		if len(trusted) > 0 {
			dial = (&net.Dialer{Timeout: server.DialLimit, Control: trusted.Control}).DialContext
		}
		made.Proxy = http.ProxyURL(target)
		made.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err != nil && ctx.Err() == nil {
				err = server.Unreachable(p.name, "the proxy", err)
			}
			return conn, err
		}
		made.OnProxyConnectResponse = p.checkTunnel
	})
	return p, nil
}

// Transport implements flows.HTTPProxy.
func (p *proxy) Transport(base http.RoundTripper) http.RoundTripper { return p.own.transport(base) }

// checkTunnel returns the error of a proxy that does not connect to a server (CONNECT).
func (p *proxy) checkTunnel(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	e := server.Failure(p.name, "the proxy answers %d and does not connect to the server", resp.StatusCode)
	if resp.StatusCode/100 == 5 {
		e.Class = flows.ClassNetwork
	}
	return e
}
