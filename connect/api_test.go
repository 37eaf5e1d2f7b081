package connect

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/penstock/penstock/store"
)

// A connection adds headers, parameters and members, and the caller's request stays without them.
func TestAPIConnection(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		io.WriteString(w, strings.Join([]string{r.Header.Get("X-A"), r.Header.Get("X-B"), r.URL.RawQuery, string(body)}, "|"))
	}))
	t.Cleanup(server.Close)
	p := newTestFleet(t).newProcess()
	p.put(store.Connection{Name: "api", Type: "api", Hosts: []string{server.URL}, Settings: map[string]string{
		"headers": "X-A: a:b\n X-B :  c ", "query": "key: k&", "body": "api_key: s3\"cret",
	}})
	conn, err := p.HTTP(t.Context(), "api")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ contentType, body, want string }{
		{"application/json", `{"b":1.10,"a":[9007199254740993]}`, `a:b|c|q=1&key=k%26|{"a":[9007199254740993],"api_key":"s3\"cret","b":1.10}`},
		{"application/vnd.api+json; charset=utf-8", `{}`, `{"api_key":"s3\"cret"}`},
		{"application/x-www-form-urlencoded", "a=1", "a=1&api_key=s3%22cret"},
		{"application/x-www-form-urlencoded", "", "|api_key=s3%22cret"},
		{"application/json", `[1]`, "no JSON object and no form"},
		{"application/json", `null`, "no JSON object and no form"},
		{"text/plain", `{}`, "no JSON object and no form"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/?q=1", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", c.contentType)
		resp, err := conn.Transport(p.http).RoundTrip(req)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			got = string(body)
			if resp.Request.URL.RawQuery != "q=1" || resp.Request.Header.Get("X-A") != "" {
				t.Errorf("the caller's request is %v", resp.Request)
			}
		}
		if !strings.HasSuffix(got, c.want) || err != nil && strings.Contains(got, "cret") {
			t.Errorf("%s %s: %s, want %s", c.contentType, c.body, got, c.want)
		}
	}
}

// A client without a secret signs an assertion for each request of a token.
func TestPrivateKeyJWT(t *testing.T) {
	t.Parallel()
	certificate, key, _ := selfSigned(t, "client")
	block, _ := pem.Decode([]byte(certificate))
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	var form url.Values
	a := newTokenServer(t)
	a.answer = func(_ http.ResponseWriter, r *http.Request, _ int64) bool {
		_, _, basic := r.BasicAuth()
		if err := r.ParseForm(); err != nil || basic {
			t.Errorf("basic: %t, %v", basic, err)
		}
		form = r.PostForm
		return false
	}
	p := newTestFleet(t).newProcess()
	p.put(a.connection("oauth2_client", "client_auth", "private_key_jwt", "client_secret", "", "client_key", key, "client_key_id", "k1", "client_key_algorithm", "ES256", "client_certificate", certificate))
	if status, _, err := p.call(t.Context(), "api", "GET", a.URL+"/api", ""); err != nil || status != http.StatusOK {
		t.Fatalf("%d, %v", status, err)
	}
	if form.Get("client_assertion_type") != jwtClientAssertion || form.Get("client_id") != "c" || form.Has("client_secret") || form.Get("grant_type") != "client_credentials" {
		t.Errorf("sent %v", form)
	}
	signed, err := jwt.ParseSigned(form.Get("client_assertion"), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var claims jwt.Claims
	if err := signed.Claims(parsed.PublicKey, &claims); err != nil {
		t.Fatal(err)
	}
	if err := claims.Validate(jwt.Expected{Issuer: "c", Subject: "c", AnyAudience: jwt.Audience{a.URL + "/token"}, Time: time.Now()}); err != nil || claims.ID == "" {
		t.Errorf("claims %+v: %v", claims, err)
	}
	sum := sha256.Sum256(block.Bytes)
	if h := signed.Headers[0]; h.KeyID != "k1" || h.ExtraHeaders["x5t#S256"] != base64.RawURLEncoding.EncodeToString(sum[:]) {
		t.Errorf("headers %+v", h)
	}
}
