package connect

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// closed is a body that says whether it was closed.
type closed struct {
	io.Reader
	done bool
}

func (c *closed) Close() error { c.done = true; return nil }

// A connection with a client certificate shares no network connection with others: it has a transport of its own for each
// base, and a bounded number of them. Its base stays as it is.
func TestOwnTransports(t *testing.T) {
	t.Parallel()
	p := newOwnTransports(func(made *http.Transport) {
		made.TLSClientConfig = &tls.Config{ServerName: "own.example.org", MinVersion: tls.VersionTLS12}
	})
	base := &http.Transport{}
	first := p.transport(base)
	made, ok := first.(*http.Transport)
	if !ok || made == base || made.TLSClientConfig.ServerName != "own.example.org" || base.TLSClientConfig != nil && base.TLSClientConfig.ServerName != "" {
		t.Fatalf("the transport is %T; or it is the base, or has not changed, or its base has", first)
	}
	if p.transport(base) != first {
		t.Error("the second request has another transport, so that it cannot use the first one's connection")
	}
	if p.transport(&http.Transport{}) == first {
		t.Error("two bases share a transport")
	}
	for range 3 * maxOwnTransports {
		p.transport(&http.Transport{})
		if len(p.byBase) > maxOwnTransports {
			t.Fatalf("%d transports", len(p.byBase))
		}
	}
}

// A base that cannot be cloned would send without the certificate: the request fails instead, and its body is closed.
func TestTransportsThatCannotBeOwn(t *testing.T) {
	t.Parallel()
	p := newOwnTransports(func(*http.Transport) { t.Error("a transport was made") })
	body := &closed{Reader: strings.NewReader("x")}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://crm.example.org/", body)
	if err != nil {
		t.Fatal(err)
	}
	unlike := changer{http.DefaultTransport, func(*http.Request) error { return errors.New("sent") }}
	_, err = p.transport(&unlike).RoundTrip(req) //nolint:bodyclose // there is no response
	if err == nil || err.Error() == "sent" || !body.done {
		t.Errorf("%v, body closed: %v", err, body.done)
	}
}

// A connection of another type is an error that names both, and shows no setting. It is no network error: no retry helps.
func TestConnectionsOfAnotherType(t *testing.T) {
	t.Parallel()
	p := newTestFleet(t).newProcess()
	p.put(store.Connection{Name: "db", Type: "sqlite", Settings: map[string]string{"file": "hunter2.db"}})
	p.put(store.Connection{Name: "crm", Type: "bearer", Hosts: []string{"crm.example.org"}, Settings: map[string]string{"token": "hunter2"}})
	p.put(store.Connection{Name: "way", Type: "proxy", Settings: map[string]string{"url": "http://proxy.example.org:3128"}})
	_, http1 := p.HTTP(t.Context(), "db")
	_, http2 := p.HTTP(t.Context(), "way")
	_, sql := p.SQL(t.Context(), "way")
	_, mail := p.Mail(t.Context(), "db")
	_, proxy1 := p.Proxy(t.Context(), "crm")
	_, proxy2 := p.Proxy(t.Context(), "none")
	for want, err := range map[string]error{
		`connection "db": it is of the type sqlite, which http steps cannot use`: http1, `connection "way": it is of the type proxy, which http steps cannot use`: http2,
		`connection "way": it is of the type proxy, which sql steps cannot use`: sql, `connection "db": it is of the type sqlite, which email steps cannot use`: mail,
		`connection "crm": it is of the type bearer, which is no proxy`: proxy1, `there is no connection "none"`: proxy2,
	} {
		var told *flows.Error
		if !errors.As(err, &told) || told.Message != want || told.Class != "" {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := p.Proxy(t.Context(), "way"); err != nil {
		t.Error(err)
	}
}
