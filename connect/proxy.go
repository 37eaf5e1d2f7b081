package connect

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"

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
	target, err := url.Parse(s.text["url"])
	switch {
	case err != nil, target.Scheme != "http" && target.Scheme != "https", target.Hostname() == "", target.User != nil,
		target.Path != "" && target.Path != "/", target.RawQuery != "", target.Fragment != "":
		return nil, errors.New("url is no address of a proxy such as http://proxy.example.org:3128; a login goes into username and password")
	}
	if s.text["username"] != "" {
		target.User = url.UserPassword(s.text["username"], s.text["password"])
	}
	trusted, err := readNetworks(s.text["trusted_network"])
	if err != nil {
		return nil, err
	}
	p := &proxy{name: s.conn.Name}
	p.own = newOwnTransports(func(made *http.Transport) {
		dial := made.DialContext
		if len(trusted) > 0 {
			dial = (&net.Dialer{Timeout: dialLimit, Control: trusted.control}).DialContext
		}
		made.Proxy = http.ProxyURL(target)
		made.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err != nil && ctx.Err() == nil {
				err = unreachable(p.name, "the proxy", err)
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
	e := failure(p.name, "the proxy answers %d and does not connect to the server", resp.StatusCode)
	if resp.StatusCode/100 == 5 {
		e.Class = flows.ClassNetwork
	}
	return e
}

// control is the Control of a net.Dialer for addresses in the networks.
func (n networks) control(_, address string, _ syscall.RawConn) error {
	if to, err := netip.ParseAddrPort(address); err != nil || !n.contains(to.Addr()) {
		return fs.ErrPermission
	}
	return nil
}
