package httpstep

import (
	"cmp"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/outbound"
)

// named are the connections of a test.
type named map[string]flows.HTTPConnection

func (n named) SQL(context.Context, string) (*flows.Database, error) {
	return nil, errors.ErrUnsupported
}

func (n named) Proxy(context.Context, string) (flows.HTTPProxy, error) {
	return nil, errors.ErrUnsupported
}

func (n named) Mail(context.Context, string) (flows.Mailer, error) { return nil, errors.ErrUnsupported }

func (n named) SFTP(context.Context, string) (flows.SFTPServer, error) {
	return nil, errors.ErrUnsupported
}

func (n named) S3(context.Context, string, string) (flows.Bucket, error) {
	return nil, errors.ErrUnsupported
}

func (n named) Client(context.Context, string) (flows.Client, func(), error) {
	return nil, nil, errors.ErrUnsupported
}

func (n named) HTTP(_ context.Context, name string) (flows.HTTPConnection, error) {
	if conn, ok := n[name]; ok {
		return conn, nil
	}
	return nil, fmt.Errorf("there is no connection %q", name)
}

func TestHTTPConnection(t *testing.T) {
	t.Parallel()
	server := serve(t, echo)
	host := strings.TrimPrefix(server.URL, "http://")
	env := flows.Env{HTTP: way(t), Connections: named{
		"crm":   keyed{map[string]bool{host: true}},
		"other": keyed{map[string]bool{"crm.example.org": true}},
		"token": tagging{"Authorization", 0}, "again": tagging{"authorization", 0}, "sign": tagging{"Referer", 1}, "tls": tagging{"Cookie", 2},
	}}
	tests := []struct{ connection, want, message string }{
		{connection: "crm", want: "X-Api-Key=of the connection User-Agent=" + userAgent()},
		{connection: "other", message: `connection "other" must not be used for ` + server.URL + ": its allowed hosts do not include it; a host stands for https there, without TLS it is written as " + server.URL},
		{connection: "[tls, sign, crm, token]", want: "Authorization=X-Api-Key Cookie=Authorization,Referer,X-Api-Key X-Api-Key=of the connection Referer=Authorization,X-Api-Key User-Agent=" + userAgent()},
		{connection: "[token, sign]", want: "Authorization=none Referer=Authorization User-Agent=" + userAgent()},
		{connection: "[crm, other]", message: `connection "other" must not be used for`},
		{connection: "{choose: 'cr${ \"m\" }', of: [crm, other]}", want: "X-Api-Key=of the connection User-Agent=" + userAgent()},
		{connection: "{choose: token, of: [crm, other]}", message: `connection: "token" is not one of those that may be chosen`},
		{connection: "[token, again]", message: `the connections "token" and "again" both set the header Authorization`},
		{connection: "none", message: `there is no connection "none"`},
	}
	for _, test := range tests {
		items, err := execute(t.Context(), "http: {get: '${ $vars.api }/?q=hunter2', connection: "+test.connection+"}", server.URL, nil, env)
		if test.message != "" {
			if err == nil || !strings.Contains(err.Error(), test.message) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v, %v, want %q", test.connection, items, err, test.message)
			}
			continue
		}
		if err != nil || items[0].(object)["body"] != test.want {
			t.Errorf("%s: %v, %v, want %q", test.connection, items, err, test.want)
		}
	}
	_, err := execute(t.Context(), "http: {get: '${ $vars.api }'}", server.URL, nil, flows.Env{})
	if err == nil || !strings.Contains(err.Error(), "there is no network here") {
		t.Errorf("without a transport: %v", err)
	}
}

func TestHTTPOwnAuthority(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(mirror))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake is expected
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	step := "http:\n  get: ${ $vars.api }\n"
	if _, err := runHTTP(t, step, server.URL, nil); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("without tls: %v", err)
	}
	connections.Store(0)
	trusting := step + "  tls:\n    ca: |\n      " + strings.ReplaceAll(strings.TrimSpace(ca), "\n", "\n      ")
	flow, err := parseHTTP(trusting, server.URL)
	if err != nil {
		t.Fatal(err)
	}
	env := flows.Env{HTTP: way(t)}
	for range 3 {
		if _, err := flow.Execute(t.Context(), flows.Run{ID: "r", Attempt: 1}, env); err != nil {
			t.Errorf("with tls: %v", err)
		}
	}
	if connections.Load() != 1 {
		t.Errorf("%d connections for three runs, want 1", connections.Load())
	}
	// The certificates of the flow do not permit private networks.
	closed, err := outbound.New(outbound.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := flow.Execute(t.Context(), flows.Run{ID: "r", Attempt: 1}, flows.Env{HTTP: closed}); err == nil || !strings.Contains(err.Error(), "refused: 127.0.0.1") {
		t.Errorf("closed network: %v", err)
	}
}

// tagging is a connection that sets a header to the names of the headers that others have set, which shows their order.
type tagging struct {
	header string
	order  int
}

func (g tagging) Order() int { return g.order }

func (g tagging) Sets() []string { return []string{g.header} }

func (tagging) Allows(*url.URL) bool { return true }

func (g tagging) Transport(base http.RoundTripper) http.RoundTripper {
	return sender(func(req *http.Request) (*http.Response, error) {
		req = req.Clone(req.Context())
		var before []string
		for _, name := range []string{"Authorization", "Referer", "Cookie", "X-Api-Key"} {
			if req.Header.Values(name) != nil {
				before = append(before, name)
			}
		}
		req.Header.Set(g.header, cmp.Or(strings.Join(before, ","), "none"))
		return base.RoundTrip(req)
	})
}

// based is a connection with a base.
type based struct {
	tagging
	base string
}

func (b based) Base(context.Context) (string, error) { return b.base, nil }

// A URL that begins with a slash continues the base of a connection, and no other host gets the credential.
func TestHTTPBase(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.RequestURI()) })
	env := flows.Env{HTTP: way(t), Connections: named{"crm": based{tagging{header: "X-B"}, server.URL + "/v2/"}, "none": tagging{header: "X-A"}, "bad": based{base: "ftp://h"}}}
	for connection, want := range map[string]string{
		"crm": "/v2/people?q=1", "[none, crm]": "/v2/people?q=1", "none": "no connection of the step has a base", "bad": "is not an http:// or https:// URL",
	} {
		items, err := execute(t.Context(), "http: {get: '/people', query: {q: 1}, connection: "+connection+"}", "", nil, env)
		if err != nil && !strings.Contains(err.Error(), want) || err == nil && items[0].(object)["body"] != want {
			t.Errorf("%s: %v, %v, want %s", connection, items, err, want)
		}
	}
}
