package connect

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/store"
)

func TestConnectionsAreTested(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/me", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer right-token" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	distrusted := httptest.NewUnstartedServer(mux)
	distrusted.Config.ErrorLog = nil
	distrusted.StartTLS()
	t.Cleanup(distrusted.Close)
	p := newTestFleet(t).newProcess()
	bearer := func(token string, settings ...string) store.Connection {
		c := store.Connection{Name: "c", Type: "bearer", Hosts: []string{server.URL, distrusted.URL, "http://127.0.0.1:1", "http://no-such-host.invalid"}, Settings: map[string]string{"token": token}}
		for i := 0; i < len(settings); i += 2 {
			c.Settings[settings[i]] = settings[i+1]
		}
		return c
	}
	for _, c := range []struct {
		name       string
		connection store.Connection
		target     string
		want       string
	}{
		{"works", bearer("right-token", "test", server.URL+"/me"), "", "the server answers 200 OK"},
		{"wrong credential", bearer("wrong-token", "test", server.URL+"/me"), "", `connection "c": the server answers 401 Unauthorized: it refuses the credential`},
		{"wanted status", bearer("wrong-token", "test", server.URL+"/me", "test_status", "401"), "", "the server answers 401 Unauthorized"},
		{"other status", bearer("right-token", "test", server.URL+"/nothing"), "", "the server answers 404 Not Found"},
		{"no URL", bearer("right-token"), "", "it has no setting test"},
		{"its own URL", bearer("right-token"), server.URL + "/me", "the server answers 200 OK"},
		{"another host", bearer("right-token"), "https://example.org/", "on none of its hosts"},
		{"user name", bearer("right-token"), strings.Replace(server.URL, "://", "://ann:pw-token@", 1), "has a user name"},
		{"refused", bearer("right-token"), "http://127.0.0.1:1/", "the server does not accept connections"},
		{"certificate", bearer("right-token"), distrusted.URL, "the server has a certificate that is not trusted"},
		{"timeout", bearer("right-token"), server.URL + "/slow", "the server does not answer in time"},
		{"database", store.Connection{Name: "c", Type: "postgres", Settings: map[string]string{"host": "127.0.0.1", "port": "1", "database": "d", "username": "u"}}, "", "does not accept connections"},
		{"mail", store.Connection{Name: "c", Type: "smtp", Settings: map[string]string{"host": "127.0.0.1", "port": "1", "from": "a@b.org"}}, "", "the mail server does not accept connections"},
		{"sqlite", store.Connection{Name: "c", Type: "sqlite", Settings: map[string]string{"file": "a.db"}}, "", "the database answers"},
	} {
		p.put(c.connection)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		said, err := p.Test(ctx, "c", c.target)
		cancel()
		if err != nil {
			said = err.Error()
		}
		if !strings.Contains(said, c.want) || strings.Contains(said, "-token") || (err == nil) != (c.name == "works" || c.name == "wanted status" || c.name == "its own URL" || c.name == "sqlite") {
			t.Errorf("%s: %q, %v, want %q", c.name, said, err, c.want)
		}
	}
	if _, err := p.Test(t.Context(), "none", ""); err == nil || !strings.Contains(err.Error(), `there is no connection "none"`) {
		t.Errorf("an unknown one: %v", err)
	}
	c := bearer("right-token", "test", strings.Replace(server.URL, "://", "://ann:pw-token@", 1))
	if err := Check(nil, &c); err == nil || !strings.Contains(err.Error(), "test has a user name") {
		t.Errorf("a test with a user name: %v", err)
	}
	c = bearer("right-token", "test", "https://example.org/")
	if err := Check(nil, &c); err == nil || !strings.Contains(err.Error(), "test is no URL on one of the hosts") {
		t.Errorf("a test elsewhere: %v", err)
	}
}
