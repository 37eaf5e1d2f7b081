package connect

import (
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/outbound"
	"github.com/penstock/penstock/store"
)

// testProxy is a proxy with a login. It sends every request, and every tunnel, to one server, so that names of servers need
// not be resolvable.
type testProxy struct {
	to string // address

	mu   sync.Mutex
	seen []string
}

func (p *testProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.seen = append(p.seen, r.Method+" "+r.RequestURI)
	p.mu.Unlock()
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("penstock:hunter2"))
	switch {
	case r.Header.Get("Proxy-Authorization") != want:
		w.WriteHeader(http.StatusProxyAuthRequired)
	case strings.HasPrefix(r.Host, "forbidden."):
		w.WriteHeader(http.StatusForbidden)
	case r.Method == http.MethodConnect:
		p.tunnel(w)
	default:
		io.WriteString(w, "by proxy: "+r.URL.String())
	}
}

func (p *testProxy) tunnel(w http.ResponseWriter) {
	to, err := net.Dial("tcp", p.to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer to.Close()
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	go io.Copy(to, conn)
	io.Copy(conn, to)
}

func TestProxy(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "by tunnel: "+r.Host+r.Header.Get("Proxy-Authorization"))
	}))
	t.Cleanup(server.Close)
	through := &testProxy{to: server.Listener.Addr().String()}
	listener := httptest.NewServer(through)
	t.Cleanup(listener.Close)
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	open := func(settings map[string]string) flows.HTTPProxy {
		t.Helper()
		made, err := (&Resolver{}).open(&store.Connection{Name: "egress", Type: "proxy", Settings: settings})
		if err != nil {
			t.Fatal(err)
		}
		return made.(flows.HTTPProxy)
	}
	for _, test := range []struct {
		name, url, password, network string
		want                         string
		class                        flows.Class
	}{
		{"http", "http://anywhere.invalid/a?b", "hunter2", "127.0.0.0/8", "by proxy: http://anywhere.invalid/a?b", ""},
		{"https", "https://example.com/", "hunter2", "127.0.0.0/8", "by tunnel: example.com", ""},
		{"refused login", "https://example.com/", "hunter3", "127.0.0.0/8", `connection "egress": the proxy answers 407 and does not connect to the server`, ""},
		{"refused server", "https://forbidden.example.com/", "hunter2", "127.0.0.0/8", `connection "egress": the proxy answers 403`, ""},
		{"private address", "http://anywhere.invalid/", "hunter2", "", `connection "egress": the proxy is at a private address, which this process may not reach; allow it with --allow-private-networks`, ""},
		{"another network", "http://anywhere.invalid/", "hunter2", "10.0.0.0/8", `connection "egress": the proxy is at an address that steps may not reach`, ""},
	} {
		base, err := outbound.New(outbound.Config{RootCAs: roots})
		if err != nil {
			t.Fatal(err)
		}
		transport := open(map[string]string{"url": listener.URL, "username": "penstock", "password": test.password, "trusted_network": test.network}).Transport(base)
		t.Cleanup(transport.(*http.Transport).CloseIdleConnections)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, test.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			var failed *flows.Error
			if !errors.As(err, &failed) || !strings.HasPrefix(failed.Message, test.want) || failed.Class != test.class || strings.Contains(err.Error(), "hunter") {
				t.Errorf("%s: %v, want %s", test.name, err, test.want)
			}
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(body) != test.want || err != nil {
			t.Errorf("%s: %s, %v, want %s", test.name, body, err, test.want)
		}
	}
	listener.Close()
	base, err := outbound.New(outbound.Config{})
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://anywhere.invalid/", nil)
	_, err = open(map[string]string{"url": listener.URL, "trusted_network": "127.0.0.0/8"}).Transport(base).RoundTrip(req)
	var failed *flows.Error
	if !errors.As(err, &failed) || failed.Class != flows.ClassNetwork || failed.Message != `connection "egress": the proxy does not accept connections` {
		t.Errorf("a proxy that is away: %v", err)
	}
}

func TestProxySettings(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"proxy:3128", "socks5://proxy:1080", "http://a:b@proxy", "http://proxy/path", "http://", "http://proxy?x"} {
		if err := Check(nil, &store.Connection{Name: "egress", Type: "proxy", Settings: map[string]string{"url": url}}); err == nil || strings.Contains(err.Error(), "a:b") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if err := Check(nil, &store.Connection{Name: "egress", Type: "proxy", Settings: map[string]string{"url": "https://proxy.example.org", "trusted_network": "x"}}); err == nil {
		t.Error("trusted_network: x is taken")
	}
}
