package connect

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/store"
)

// A step masks what its connections have sent.
func TestSentSecretsAreMasked(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	p := f.newProcess()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/token":
			_, _ = w.Write([]byte(`{"access_token": "token-of-oauth"}`))
		case "/login":
			_, _ = w.Write([]byte(`{"token": "token-of-session"}`))
		}
	}))
	t.Cleanup(server.Close)
	for kind, test := range map[string]struct {
		settings map[string]string
		masked   []string
		shown    string
	}{
		"basic":         {map[string]string{"username": "martina", "password": "pass-word"}, []string{"pass-word", base64.StdEncoding.EncodeToString([]byte("martina:pass-word"))}, "martina"},
		"bearer":        {map[string]string{"token": "fixed-token"}, []string{"fixed-token"}, ""},
		"api_key":       {map[string]string{"value": "the key & more"}, []string{"the key & more", "the+key+%26+more"}, "X-API-Key"},
		"api":           {map[string]string{"headers": "X-A: in-header\nAccept: application/json", "query": "k: in-query", "body": "b: in-body"}, []string{"in-header", "in-query", "in-body"}, "application/json"},
		"session":       {map[string]string{"login_url": server.URL + "/login", "login": "user: martina\npassword: pass-word"}, []string{"pass-word", "token-of-session"}, ""},
		"oauth2_client": {map[string]string{"token_url": server.URL + "/token", "client_id": "penstock", "client_secret": "pass-word"}, []string{"pass-word", "token-of-oauth"}, "penstock"},
	} {
		p.put(store.Connection{Name: kind, Type: kind, Hosts: []string{server.URL}, Settings: test.settings})
		ctx, secrets := mask.With(t.Context())
		method, body := http.MethodGet, ""
		if kind == "api" {
			method, body = http.MethodPost, "a=1"
		}
		if _, _, err := p.call(ctx, kind, method, server.URL, body); err != nil && !strings.Contains(err.Error(), errBody.Error()) {
			t.Fatalf("%s: %v", kind, err)
		}
		for _, secret := range test.masked {
			if got := secrets.Text("<" + secret + ">"); !strings.HasPrefix(got, "<***") || strings.Contains(got, secret) {
				t.Errorf("%s: %q is shown as %q", kind, secret, got)
			}
		}
		if got := secrets.Text(test.shown); got != test.shown {
			t.Errorf("%s: %q is masked", kind, test.shown)
		}
	}
}
