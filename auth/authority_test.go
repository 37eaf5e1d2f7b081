package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/store"
)

const (
	testIssuer   = "https://penstock.example.org"
	testPassword = "the right password" // of all users and clients of newAuthority
	testSecretA  = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
)

// testAuthority is an Authority with a clock that tests set.
type testAuthority struct {
	*Authority
	t   *testing.T
	now time.Time
}

// newTestAuthority has the principals of newAuthority and the key "key-a", which may act as ann.
func newTestAuthority(t *testing.T) *testAuthority {
	t.Helper()
	a := &testAuthority{newAuthority(t, noWait{}), t, time.Now().Truncate(time.Second)}
	a.config.Now = func() time.Time { return a.now }
	a.putKey(store.Key{Key: "key-a", Secret: testSecretA, APIAccess: true, Impersonate: []string{"ann"}})
	return a
}

func (a *testAuthority) putKey(k store.Key) {
	a.t.Helper()
	if _, err := a.config.Store.Keys().Put(a.t.Context(), k); err != nil {
		a.t.Fatal(err)
	}
}

func (a *testAuthority) changeKey(edit func(*store.Key)) {
	a.t.Helper()
	if _, err := a.config.Store.Keys().Change(a.t.Context(), "key-a", func(k *store.Key) error { edit(k); return nil }); err != nil {
		a.t.Fatal(err)
	}
}

func (a *testAuthority) changeClient(edit func(*store.Client)) {
	a.t.Helper()
	if _, err := a.config.Store.Clients().Change(a.t.Context(), "client-a", func(c *store.Client) error { edit(c); return nil }); err != nil {
		a.t.Fatal(err)
	}
}

// ask sends a token request with pairs of parameters, and Basic credentials if basic is not empty: "name:secret".
func (a *testAuthority) ask(e *Endpoint, basic string, pairs ...string) (*TokenAnswer, error) {
	r := tokenRequest(e, basic, pairs...)
	return a.Token(a.t.Context(), r)
}

func tokenRequest(e *Endpoint, basic string, pairs ...string) *TokenRequest {
	r := &TokenRequest{Endpoint: e, Params: map[string]string{}, Header: http.Header{}, IP: "192.0.2.1"}
	for i := 0; i < len(pairs); i += 2 {
		r.Params[pairs[i]] = pairs[i+1]
	}
	if basic != "" {
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(basic)))
	}
	return r
}

// granted is ask for a request that must be granted. It returns the text of the token and the stored token.
func (a *testAuthority) granted(e *Endpoint, basic string, pairs ...string) (string, *store.Token) {
	a.t.Helper()
	answer, err := a.ask(e, basic, pairs...)
	if err != nil {
		a.t.Fatal(err)
	}
	text, _ := answer.Body["access_token"].(string)
	return text, answer.Token
}

// principal returns who a token stands for, as the API sees it.
func (a *testAuthority) principal(token string) (*Principal, error) {
	return a.Bearer().Authenticate(a.t.Context(), &Request{Header: http.Header{"Authorization": {"Bearer " + token}}, Now: a.now})
}

// hs256 signs a header and a payload as they are, valid JSON or not.
func hs256(header, payload, secret string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func wantCode(t *testing.T, what string, err error, code Code) {
	t.Helper()
	if e := asError(err); e == nil || e.Code != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

func TestCheckIssuer(t *testing.T) {
	t.Parallel()
	for issuer, good := range map[string]bool{
		"https://penstock.example.org": true, "http://127.0.0.1:8080/": true, "https://example.org/penstock": true,
		"": false, "penstock.example.org": false, "//penstock.example.org": false, "ftp://example.org": false, "javascript:alert(1)": false,
		"https://": false, "https:///path": false, "https://ann:secret@example.org": false, "https://example.org?a=1": false,
		"https://example.org/#x": false, "https://exa mple.org": false,
	} {
		if err := CheckIssuer(issuer); (err == nil) != good {
			t.Errorf("%q: %v", issuer, err)
		}
	}
}

// No member of the metadata depends on the request, and what it promises is what the endpoints accept.
func TestMetadataIsTrue(t *testing.T) {
	t.Parallel()
	a := newTestAuthority(t)
	m := a.Metadata()
	for _, url := range []string{m.TokenEndpoint, m.RevocationEndpoint, m.IntrospectionEndpoint, m.Documentation} {
		if !strings.HasPrefix(url, testIssuer+"/") {
			t.Errorf("%s is not below the issuer", url)
		}
	}
	for _, grant := range m.GrantTypes {
		if _, err := a.ask(Integrify, "", "grant_type", grant); asError(err) == nil || asError(err).Code == CodeUnsupportedGrant {
			t.Errorf("%s is promised: %v", grant, err)
		}
	}
	if len(m.ResponseTypes) != 0 || m.ResponseTypes == nil {
		t.Errorf("response types %v, want an empty list", m.ResponseTypes)
	}
	for _, alg := range m.TokenSigning {
		if strings.HasPrefix(alg, "HS") || alg == "none" {
			t.Errorf("client assertions by %s are promised", alg)
		}
	}
}
