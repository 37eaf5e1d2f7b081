package connect

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
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

// The credentials that a connection makes of its secrets are masked, too, and so are their parts.
func TestMadeCredentialsAreMasked(t *testing.T) {
	t.Parallel()
	p := newTestFleet(t).newProcess()
	var mu sync.Mutex
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		authorization := r.Header.Get("Authorization")
		seen = append(seen, authorization)
		w.Header().Set("WWW-Authenticate", `Digest realm="realm", qop="auth", nonce="nonce-of-server", opaque="o"`)
		if r.URL.Path == "/ntlm" {
			w.Header().Set("WWW-Authenticate", "NTLM "+strings.Repeat(ntlmChallenge(), min(1, len(authorization))))
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	proof := regexp.MustCompile(`(?:response|cnonce|oauth_signature|Signature|oauth_token)="?([^",]+)`)
	for kind, settings := range map[string]map[string]string{
		"digest":    {"username": "Mufasa", "password": "Circle of Life"},
		"ntlm":      {"username": `DOM\ann`, "password": "SecREt01"},
		"oauth1":    {"consumer_key": "penstock", "consumer_secret": "a/b+c%d&e", "token": "the/token", "token_secret": "f&g=h"},
		"aws_sigv4": {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "wJalrXUtnFEMI", "region": "us-east-1", "service": "s3"},
	} {
		for _, method := range []string{"HMAC-SHA1", "PLAINTEXT"} {
			if kind != "oauth1" && method == "PLAINTEXT" {
				continue
			}
			if kind == "oauth1" {
				settings["signature_method"] = method
			}
			seen = nil
			p.put(store.Connection{Name: kind, Type: kind, Hosts: []string{server.URL}, Settings: settings})
			ctx, secrets := mask.With(t.Context())
			if _, _, err := p.call(ctx, kind, http.MethodGet, server.URL+"/"+kind, ""); err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			last := seen[len(seen)-1]
			scheme, credentials, ok := strings.Cut(last, " ")
			if got := secrets.Text(last); !ok || got != scheme+" ***" {
				t.Errorf("%s: %q is shown as %q", kind, credentials, got)
			}
			found := proof.FindAllStringSubmatch(last, -1)
			if len(found) == 0 && kind != "ntlm" {
				t.Errorf("%s: no proof in %q", kind, last)
			}
			for _, part := range found {
				decoded, _ := url.PathUnescape(part[1])
				for _, text := range []string{part[1], decoded} {
					if got := secrets.Text("<" + text + ">"); got != "<***>" {
						t.Errorf("%s: %q is shown as %q", kind, text, got)
					}
				}
			}
		}
	}
}

func TestProxyCredentialsAndMembersOfTheTokenAnswerAreMasked(t *testing.T) {
	t.Parallel()
	p := newTestFleet(t).newProcess()
	server := newTokenServer(t)
	server.answer = func(w http.ResponseWriter, _ *http.Request, _ int64) bool {
		_, _ = w.Write([]byte(`{"access_token": "access-token", "refresh_token": "refresh-token", "id_token": "id-of-the-token", "kind": "plain", "instance_url": "https://one.example.org"}`))
		return true
	}
	ctx, secrets := mask.With(t.Context())
	p.put(store.Connection{Name: "way", Type: "proxy", Settings: map[string]string{"url": "http://127.0.0.1:1", "username": "me", "password": "pw12"}})
	if _, err := p.Proxy(ctx, "way"); err != nil {
		t.Fatal(err)
	}
	c := server.connection("oauth2_client", "base", "{instance_url}", "headers", "X-Id: {id_token}\nX-Kind: {kind}")
	p.put(c)
	conn, err := p.HTTP(ctx, c.Name)
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://one.example.org", nil)
	_, _ = conn.Transport(sender(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	})).RoundTrip(req)
	for text, want := range map[string]string{
		"Basic " + base64.StdEncoding.EncodeToString([]byte("me:pw12")): "Basic ***==", "id-of-the-token": "***", "access-token": "***",
		"plain": "plain", "https://one.example.org": "https://one.example.org",
	} {
		if got := secrets.Text(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}
