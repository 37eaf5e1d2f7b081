package connect

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/penstock/penstock/store"
)

// Processes share the token of one login, and the answer 401 renews it.
func TestSession(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		settings       map[string]string
		body, kind     string // of the login
		header, answer string // of the response to it
		want           string // header of the requests
	}{
		{map[string]string{"token": "data.id", "header": "X-Session", "value": "{token}"}, `{"password":"s3cret: x","user":"u"}`, "application/json", "", `{"data":{"id":%d}}`, "X-Session=%d"},
		{map[string]string{"token": "header:X-Token", "login_format": "form"}, "password=s3cret%3A+x&user=u", "application/x-www-form-urlencoded", "X-Token", "%d", "Authorization=Bearer %d"},
		{map[string]string{"header": "Cookie", "value": "sid={token}; a=b"}, `{"password":"s3cret: x","user":"u"}`, "application/json", "", `{"token":"%d"}`, "Cookie=sid=%d; a=b"},
	} {
		var logins atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/login" {
				body, _ := io.ReadAll(r.Body)
				if string(body) != c.body || r.Header.Get("Content-Type") != c.kind {
					t.Errorf("login with %s %s, want %s", r.Header.Get("Content-Type"), body, c.body)
				}
				text := fmt.Sprintf(strings.ReplaceAll(c.answer, "%d", "%[1]d"), logins.Add(1))
				if w.Header().Set("Content-Type", "application/json"); c.header != "" {
					w.Header().Set(c.header, text)
				}
				io.WriteString(w, text)
				return
			}
			name, want, _ := strings.Cut(fmt.Sprintf(c.want, logins.Load()), "=")
			if r.Header.Get(name) != want || r.URL.Path == "/renew" && logins.Load() < 2 {
				w.WriteHeader(http.StatusUnauthorized)
			}
		}))
		t.Cleanup(server.Close)
		f := newTestFleet(t)
		settings := map[string]string{"login_url": server.URL + "/login", "login": "user: u\npassword: s3cret: x"}
		for name, v := range c.settings {
			settings[name] = v
		}
		first, second := f.newProcess(), f.newProcess()
		first.put(store.Connection{Name: "api", Type: "session", Hosts: []string{server.URL}, Settings: settings})
		for i, path := range []string{"/", "/", "/renew", "/"} {
			p := []*testProcess{first, second}[i%2]
			status, _, err := p.call(t.Context(), "api", "GET", server.URL+path, "")
			if want := int64(1 + i/2); err != nil || status != http.StatusOK || logins.Load() != want {
				t.Errorf("%v: request %d: %d, %v, %d logins, want %d", c.settings, i, status, err, logins.Load(), want)
			}
		}
	}
}

// A refused login is the failure of the step, and shows nothing of what was sent or answered.
func TestSessionIsRefused(t *testing.T) {
	t.Parallel()
	for answer, want := range map[int]string{http.StatusForbidden: "its login answered 403", http.StatusOK: "its login answered without a token"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(answer)
			io.WriteString(w, `{"error":"s3cret"}`)
		}))
		t.Cleanup(server.Close)
		p := newTestFleet(t).newProcess()
		p.put(store.Connection{Name: "api", Type: "session", Hosts: []string{server.URL}, Settings: map[string]string{"login_url": server.URL, "login": "user: s3cret"}})
		if _, _, err := p.call(t.Context(), "api", "GET", server.URL, ""); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%d: %v, want %s", answer, err, want)
		}
	}
}
