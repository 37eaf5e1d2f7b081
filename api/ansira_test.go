package api_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/penstock/penstock/api/apitest"
)

const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"

var crmBasic = basic("client-crm", crmSecret) // read only

// assertion downloads a new assertion of crm.
func (o *authAPI) assertion() string {
	o.T.Helper()
	w := o.API("POST", "/v1/clients/client-crm/assertion", basic("root", rootsPassword), "")
	if w.Code != 201 || w.Header().Get("Content-Disposition") != `attachment; filename="client-crm-assertion.txt"` {
		o.T.Fatalf("assertion: %d %v %s", w.Code, w.Header(), w.Body)
	}
	o.Sent = append(o.Sent, w.Body.String())
	return w.Body.String()
}

func (o *authAPI) ansira(assertion, scope string, header ...string) *httptest.ResponseRecorder {
	form := url.Values{"grant_type": {jwtBearer}, "assertion": {assertion}}
	if scope != "" {
		form.Set("scope", scope)
	}
	if header == nil {
		header = []string{"Authorization", crmBasic}
	}
	return o.form("/oauth/v2/oauth-token", form, header...)
}

func TestAnsiraToken(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	a := o.assertion()
	for scope, want := range map[string]string{
		"":                        "flows:run:69,runs:read",
		"runs:read":               "runs:read",
		"flows:run:69 runs:read":  "flows:run:69,runs:read",
		"flows:run:69,runs:read":  "flows:run:69,runs:read",
		"runs:read:69":            "runs:read:69",
		" runs:read ,  runs:read": "runs:read",
	} {
		w := o.ansira(a, scope) // the same assertion every time
		got := o.object(w)
		o.token(w)
		claims, _ := got["claims"].(map[string]any)
		if got["token_type"] != "bearer" || got["scope"] != want || claims["sub"] != "client-crm" || !strings.Contains(w.Body.String(), `"expires_in":300,`) || len(got) != 5 {
			t.Errorf("scope %q: %s", scope, w.Body)
		}
	}
	if w := o.run(bearer(o.token(o.ansira(a, "")))); w.Code != 200 {
		t.Errorf("a run: %d %s", w.Code, w.Body)
	}
	if w := o.run(bearer(o.token(o.ansira(a, "runs:read")))); w.Code != 403 || w.Header().Get("WWW-Authenticate") != `Bearer realm="penstock", error="insufficient_scope", scope="flows:run"` {
		t.Errorf("a run without the scope: %d %v", w.Code, w.Header())
	}
	form := url.Values{"grant_type": {jwtBearer}, "assertion": {a}, "client_id": {"client-crm"}, "client_secret": {crmSecret}}
	o.token(o.form("/oauth/v2/oauth-token", form)) // the secret in the body
	o.root("PATCH", "/v1/clients/client-crm", `{"scope_separator":"space"}`, 200)
	if w := o.ansira(a, ""); o.object(w)["scope"] != "flows:run:69 runs:read" {
		t.Errorf("with a separator of its own: %s", w.Body)
	}
}

func TestAnsiraRefuses(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	old := o.assertion()
	a := o.assertion()
	o.root("POST", "/v1/clients", `{"name":"other","secret":"another-secret-of-16","assertion_expires_on":"2030-01-01"}`, 201)
	other, _ := o.store.Clients().List(t.Context())
	otherID := other[len(other)-1].Identifier
	if otherID == "client-crm" {
		otherID = other[0].Identifier
	}
	basicOf := func(id, secret string) []string { return []string{"Authorization", basic(id, secret)} }
	for _, tc := range []struct {
		name      string
		assertion string
		scope     string
		header    []string
		status    int
		code      string
	}{
		{"no client", a, "", []string{"X-Nothing", ""}, 401, "invalid_client"},
		{"unknown client", a, "", basicOf("client-x", crmSecret), 401, "invalid_client"},
		{"wrong secret", a, "", basicOf("client-crm", "x"), 401, "invalid_client"},
		{"a user", a, "", basicOf("ann", annsPassword), 401, "invalid_client"},
		{"an API key", a, "", basicOf("signer", jwtSecret), 401, "invalid_client"},
		{"Basic that is none", a, "", []string{"Authorization", "Basic ???"}, 401, "invalid_client"},
		{"two clients", a, "", []string{"Authorization", crmBasic, "Authorization", crmBasic}, 400, "invalid_request"},
		{"another client's assertion", a, "", basicOf(otherID, "another-secret-of-16"), 400, "invalid_grant"},
		{"no assertion", "", "", nil, 400, "invalid_request"},
		{"the assertion before", old, "", nil, 400, "invalid_grant"},
		{"not a JWT", "x", "", nil, 400, "invalid_grant"},
		{"too long", strings.Repeat("x", 9<<10), "", nil, 400, "invalid_grant"},
		{"changed", a[:len(a)-3] + "AAA", "", nil, 400, "invalid_grant"},
		{"not granted", a, "flows:write", nil, 400, "invalid_scope"},
		{"for more flows than granted", a, "flows:run", nil, 400, "invalid_scope"},
		{"for another flow", a, "flows:run:70", nil, 400, "invalid_scope"},
		{"no such scope", a, "everything", nil, 400, "invalid_scope"},
		{"one of two not granted", a, "runs:read,users:admin", nil, 400, "invalid_scope"},
	} {
		w := o.ansira(tc.assertion, tc.scope, tc.header...)
		o.wantOAuthError(tc.name, w, tc.status, tc.code)
		if tc.status == 401 && w.Header().Get("WWW-Authenticate") != `Basic realm="penstock", charset="UTF-8"` {
			t.Errorf("%s: %v", tc.name, w.Header())
		}
	}
	twice := url.Values{"grant_type": {jwtBearer}, "assertion": {a}, "client_secret": {crmSecret}}
	o.wantOAuthError("the secret twice", o.form("/oauth/v2/oauth-token", twice, "Authorization", crmBasic), 400, "invalid_request")
	o.wantOAuthError("password", o.form("/oauth/v2/oauth-token", passwordForm, "Authorization", crmBasic), 400, "unsupported_grant_type")
}

// signJWT returns a JWT with any algorithm, header and claims.
func signJWT(t *testing.T, alg jose.SignatureAlgorithm, key any, header map[jose.HeaderKey]any, claims any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT")
	for name, value := range header {
		options.WithHeader(name, value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Only assertions that this server signed are accepted, whatever their header says.
func TestAnsiraAssertionsCannotBeForged(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	o.assertion()
	crm, err := o.store.Clients().Client(t.Context(), "client-crm")
	if err != nil {
		t.Fatal(err)
	}
	real, err := o.store.SigningKeys().Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.Claims{Issuer: issuer, Subject: "client-crm", ID: crm.Assertion, Expiry: jwt.NewNumericDate(apitest.Epoch.Add(time.Hour))}
	kid := func(id string) map[jose.HeaderKey]any { return map[jose.HeaderKey]any{"kid": id} }
	padded := append([]byte(real.Private.Public().(ed25519.PublicKey)), make([]byte, 32)...)
	for name, text := range map[string]string{
		"another key":              signJWT(t, jose.EdDSA, private, kid(real.ID), claims),
		"another key, embedded":    signJWT(t, jose.EdDSA, private, map[jose.HeaderKey]any{"kid": real.ID, "jwk": jose.JSONWebKey{Key: public}}, claims),
		"a key from elsewhere":     signJWT(t, jose.EdDSA, private, map[jose.HeaderKey]any{"kid": real.ID, "jku": "https://evil.example/jwks"}, claims),
		"a certificate":            signJWT(t, jose.EdDSA, private, map[jose.HeaderKey]any{"kid": real.ID, "x5u": "https://evil.example/x"}, claims),
		"no kid":                   signJWT(t, jose.EdDSA, real.Private, nil, claims),
		"a kid that is a path":     signJWT(t, jose.EdDSA, real.Private, kid("../../dev/null"), claims),
		"a kid of nothing":         signJWT(t, jose.EdDSA, real.Private, kid(""), claims),
		"HMAC with the public key": signJWT(t, jose.HS256, padded, kid(real.ID), claims),
		"alg none":                 unsigned(`{"alg":"none","kid":"`+real.ID+`"}`, `{"sub":"client-crm","jti":"`+crm.Assertion+`","exp":99999999999}`),
		"alg None":                 unsigned(`{"alg":"None","kid":"`+real.ID+`"}`, `{"sub":"client-crm","jti":"`+crm.Assertion+`","exp":99999999999}`),
	} {
		o.wantOAuthError(name, o.ansira(text, ""), 400, "invalid_grant")
	}
	// The same claims under the real key: the cases above fail for what they say.
	o.token(o.ansira(signJWT(t, jose.EdDSA, real.Private, kid(real.ID), claims), ""))
	for name, spoil := range map[string]func(*jwt.Claims){
		"expired":          func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(apitest.Epoch) },
		"no exp":           func(c *jwt.Claims) { c.Expiry = nil },
		"another jti":      func(c *jwt.Claims) { c.ID = "x" },
		"no jti":           func(c *jwt.Claims) { c.ID = "" },
		"another client's": func(c *jwt.Claims) { c.Subject = "client-x" },
		"nobody's":         func(c *jwt.Claims) { c.Subject = "" },
	} {
		spoiled := claims
		spoil(&spoiled)
		o.wantOAuthError(name, o.ansira(signJWT(t, jose.EdDSA, real.Private, kid(real.ID), spoiled), ""), 400, "invalid_grant")
	}
}

func TestAnsiraAssertionsEndAtMidnightOfTheirZone(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	a := o.assertion()
	token := o.token(o.ansira(a, ""))
	midnight := time.Date(2026, 12, 1, 7, 0, 0, 0, time.UTC) // the end of 30 November in Denver
	o.clock.pass(midnight.Sub(apitest.Epoch) - time.Second)
	o.token(o.ansira(a, ""))
	o.wantDead("a token of nine days ago", o.run(bearer(token)))
	o.clock.pass(time.Second)
	o.wantOAuthError("at midnight", o.ansira(a, ""), 400, "invalid_grant")
	o.wantOAuthError("client_credentials", o.form("/oauth2/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", crmBasic), 400, "invalid_grant")
	for _, what := range []string{"assertion", "token"} {
		if w := o.API("POST", "/v1/clients/client-crm/"+what, basic("root", rootsPassword), ""); w.Code != 409 {
			t.Errorf("%s after the last day: %d %s", what, w.Code, w.Body)
		}
	}
	o.root("PATCH", "/v1/clients/client-crm", `{"assertion_expires_on":"2027-12-31"}`, 200)
	o.wantOAuthError("the old one, with a new date", o.ansira(a, ""), 400, "invalid_grant")
	o.token(o.ansira(o.assertion(), ""))
}

func TestAnsiraAnEarlierDateCounts(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	a := o.assertion()
	o.root("PATCH", "/v1/clients/client-crm", `{"assertion_expires_on":"2026-11-20"}`, 200)
	o.wantOAuthError("a date before today", o.ansira(a, ""), 400, "invalid_grant")
}

// All errors of the documents, as the caller gets them.
func TestAnsiraInvalidation(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	root := basic("root", rootsPassword)
	a := o.assertion()
	patch := func(body string) func() {
		return func() { o.root("PATCH", "/v1/clients/client-crm", body, 200) }
	}
	for _, tc := range []struct {
		name string
		act  func()
		dead bool
	}{
		{"renamed", patch(`{"name":"CRM 2","reminder_emails":["it@example.org"]}`), false},
		{"scopes edited", patch(`{"scopes":["flows:run:69","runs:read","runs:write"]}`), true},
		{"new assertion", func() { a = o.assertion() }, true},
		{"disabled", patch(`{"disabled":true}`), true},
		{"revoked", nil, true},
		{"deleted", func() { o.API("DELETE", "/v1/clients/client-crm", root, "") }, true},
	} {
		o.root("PATCH", "/v1/clients/client-crm", `{"disabled":false}`, 200)
		flow, manual := o.token(o.ansira(a, "")), o.manualToken()
		if tc.act == nil {
			for _, token := range []string{flow, manual} {
				if w := o.form("/oauth/revoke", url.Values{"token": {token}}, "Authorization", crmBasic); w.Code != 200 {
					t.Errorf("revoke: %d %s", w.Code, w.Body)
				}
			}
		} else {
			tc.act()
		}
		for _, token := range []string{flow, manual} {
			w := o.run(bearer(token))
			if !tc.dead && w.Code != 200 {
				t.Errorf("%s: %d %s", tc.name, w.Code, w.Body)
			}
			if tc.dead {
				o.wantDead(tc.name, w)
			}
		}
	}
	o.wantOAuthError("the assertion of a deleted client", o.ansira(a, ""), 401, "invalid_client")
}

// manualToken downloads an access token of crm.
func (o *authAPI) manualToken() string {
	o.T.Helper()
	w := o.API("POST", "/v1/clients/client-crm/token", basic("root", rootsPassword), "")
	if w.Code != 201 || w.Header().Get("Content-Disposition") != `attachment; filename="client-crm-token.txt"` || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		o.T.Fatalf("token: %d %v %s", w.Code, w.Header(), w.Body)
	}
	return w.Body.String()
}

func TestAnsiraScopeEditLeavesTheAssertion(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	a := o.assertion()
	o.root("PATCH", "/v1/clients/client-crm", `{"scopes":["runs:read"]}`, 200)
	if w := o.ansira(a, ""); o.object(w)["scope"] != "runs:read" {
		t.Errorf("%s", w.Body)
	}
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	form := url.Values{"grant_type": {"client_credentials"}}
	w := o.form("/oauth2/token", form, "Authorization", crmBasic)
	if got := o.object(w); got["token_type"] != "Bearer" || got["scope"] != "flows:run:69 runs:read" || len(got) != 4 {
		t.Errorf("%s", w.Body)
	}
	if w := o.run(bearer(o.token(w))); w.Code != 200 {
		t.Errorf("a run: %d %s", w.Code, w.Body)
	}
	if w := o.form("/oauth/v2/oauth-token", form, "Authorization", crmBasic); o.object(w)["scope"] != "flows:run:69,runs:read" {
		t.Errorf("at Ansira's endpoint: %s", w.Body)
	}
	o.wantOAuthError("no client", o.form("/oauth2/token", form), 401, "invalid_client")
	o.wantOAuthError("more scope", o.form("/oauth2/token", with(form, "scope", "clients:admin"), "Authorization", crmBasic), 400, "invalid_scope")
	o.root("PATCH", "/v1/clients/client-crm", `{"disabled":true}`, 200)
	o.wantOAuthError("disabled", o.form("/oauth2/token", form, "Authorization", crmBasic), 401, "invalid_client")
}
