package api_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/penstock/penstock/api/apitest"
)

// hmacKey is the secret, padded for the library that signs.
var hmacKey = append([]byte(jwtSecret), make([]byte, 32-len(jwtSecret))...) // read only

type claims = map[string]any

// signed returns claims as those of the published client, with changes; nil removes a claim.
func (o *authAPI) signed(change claims) string {
	o.T.Helper()
	return signJWT(o.T, jose.HS256, hmacKey, nil, base(change))
}

func base(change claims) claims {
	c := claims{"platform": "node.js", "iss": "signer", "aud": issuer + "/oauth2/token", "sub": "ann", "iat": apitest.Epoch.Unix()}
	for name, value := range change {
		if value == nil {
			delete(c, name)
		} else {
			c[name] = value
		}
	}
	return c
}

func unsigned(header, payload string) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(header)) + "." + enc([]byte(payload)) + "."
}

func (o *authAPI) integrify(assertion string) *httptest.ResponseRecorder {
	return o.form("/oauth2/token", url.Values{"grant_type": {jwtBearer}, "assertion": {assertion}})
}

func TestIntegrifyToken(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	now := apitest.Epoch.Unix()
	for name, change := range map[string]claims{
		"as the published client":  {},
		"with exp":                 {"exp": now + 60},
		"exp an hour ahead":        {"exp": now + 3600},
		"exp and no iat":           {"exp": now + 60, "iat": nil},
		"iat 300 s ago":            {"iat": now - 300},
		"iat ahead by a clock":     {"iat": now + 300},
		"aud is the issuer":        {"aud": issuer},
		"aud with a slash":         {"aud": issuer + "/"},
		"aud is a list of one":     {"aud": []string{issuer}},
		"jti":                      {"jti": "one"},
		"another jti":              {"jti": "two"},
		"nbf in the past":          {"nbf": now - 1},
		"long ago, but exp counts": {"iat": now - 86400, "exp": now + 1},
		"for itself":               {"sub": nil},
		"for itself, by name":      {"sub": "signer"},
	} {
		w := o.integrify(o.signed(change))
		got := o.object(w)
		if w.Code != 200 || got["token_type"] != "Bearer" || got["scope"] != "flows:run runs:read" || !strings.Contains(w.Body.String(), `"expires_in":3600,`) || len(got) != 4 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
			continue
		}
		if w := o.run(bearer(o.token(w))); w.Code != 200 {
			t.Errorf("%s: a run: %d %s", name, w.Code, w.Body)
		}
	}
	again := o.signed(nil)
	first, second := o.token(o.integrify(again)), o.token(o.integrify(again))
	if first == second {
		t.Error("the same assertion, without jti, got the same token")
	}
	if w := o.API("POST", "/v1/flows/70/runs", bearer(first), `{}`); w.Code != 404 {
		t.Errorf("a flow that the key may not run: %d %s", w.Code, w.Body)
	}
	w := o.form("/oauth2/token", url.Values{"grant_type": {jwtBearer}, "assertion": {again}, "scope": {"flows:run:69"}})
	if o.object(w)["scope"] != "flows:run:69" {
		t.Errorf("a narrower scope: %s", w.Body)
	}
}

func TestIntegrifyRefuses(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	now := apitest.Epoch.Unix()
	for name, change := range map[string]claims{
		"unknown key":              {"iss": "x"},
		"no issuer":                {"iss": nil},
		"another key's name":       {"iss": apitest.KeyID},
		"expired":                  {"exp": now},
		"exp in 1970":              {"exp": 0},
		"exp is a text":            {"exp": "never"},
		"exp is too far ahead":     {"exp": now + 3601},
		"neither exp nor iat":      {"iat": nil},
		"iat 301 s ago":            {"iat": now - 301},
		"iat too far ahead":        {"iat": now + 301},
		"iat far ahead, with exp":  {"iat": now + 1000, "exp": now + 1200},
		"nbf ahead":                {"nbf": now + 301},
		"no aud":                   {"aud": nil},
		"aud of another":           {"aud": "https://other.example.org"},
		"aud of another endpoint":  {"aud": issuer + "/token"},
		"aud by prefix":            {"aud": issuer + ".evil.example"},
		"two auds":                 {"aud": []string{issuer, "https://other.example.org"}},
		"two auds, both ours":      {"aud": []string{issuer, issuer + "/oauth2/token"}},
		"no auds":                  {"aud": []string{}},
		"aud is an object":         {"aud": map[string]any{}},
		"an unknown user":          {"sub": "nobody"},
		"a user who is not listed": {"sub": "bob"},
		"a user without API":       {"sub": "guest"},
		"a disabled user":          {"sub": "gone"},
		"sub is a list":            {"sub": []string{"ann"}},
	} {
		o.wantOAuthError(name, o.integrify(o.signed(change)), 400, "invalid_grant")
	}
	good := o.signed(claims{"jti": "once"})
	o.token(o.integrify(good))
	o.wantOAuthError("the same jti", o.integrify(good), 400, "invalid_grant")
	o.wantOAuthError("the same jti, signed again", o.integrify(o.signed(claims{"jti": "once", "iat": now + 1})), 400, "invalid_grant")
	o.wantOAuthError("no assertion", o.integrify(""), 400, "invalid_request")
	o.wantOAuthError("not a JWT", o.integrify("a.b.c"), 400, "invalid_grant")
	o.wantOAuthError("password", o.form("/oauth2/token", passwordForm), 400, "unsupported_grant_type")
	o.root("PATCH", "/v1/keys/signer", `{"api_access":false}`, 200)
	o.wantOAuthError("access switched off", o.integrify(o.signed(nil)), 400, "unauthorized_client")
}

// The algorithm is determined by the record of the key.
func TestIntegrifyAlgorithmConfusion(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	rsaKey, err1 := rsa.GenerateKey(rand.Reader, 2048)
	ecKey, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, edKey, err3 := ed25519.GenerateKey(rand.Reader)
	otherRSA, err4 := rsa.GenerateKey(rand.Reader, 2048)
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
		t.Fatal(err1, err2, err3, err4)
	}
	withExp := func(iss string) claims { return base(claims{"iss": iss, "exp": apitest.Epoch.Unix() + 60}) }
	for name, private := range map[string]crypto.Signer{"rsa": rsaKey, "ec": ecKey, "ed": edKey} {
		input, err := json.Marshal(map[string]any{"key": name, "public_key": publicPEM(t, private.Public()), "impersonate": []string{"ann"}})
		if err != nil {
			t.Fatal(err)
		}
		made := o.root("POST", "/v1/keys", string(input), 201)
		alg := map[string]jose.SignatureAlgorithm{"rsa": jose.RS256, "ec": jose.ES256, "ed": jose.EdDSA}[name]
		o.token(o.integrify(signJWT(t, alg, private, nil, withExp(name))))
		o.wantOAuthError(name+" without exp", o.integrify(signJWT(t, alg, private, nil, base(claims{"iss": name}))), 400, "invalid_grant")
		generated, _ := made["secret"].(string)
		public := []byte(publicPEM(t, private.Public()))
		for what, text := range map[string]string{
			"HS256 with the public key":     signJWT(t, jose.HS256, public, nil, withExp(name)),
			"HS256 with the key's secret":   signJWT(t, jose.HS256, append([]byte(generated), make([]byte, 32)...), nil, withExp(name)),
			"RS256 with another key":        signJWT(t, jose.RS256, otherRSA, nil, withExp(name)),
			"PS256 with the right RSA key":  signJWT(t, jose.PS256, rsaKey, nil, withExp(name)),
			"another key, embedded":         signJWT(t, jose.RS256, otherRSA, map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: otherRSA.Public()}}, withExp(name)),
			"none":                          unsigned(`{"alg":"none"}`, `{"iss":"`+name+`","aud":"`+issuer+`","exp":1795280060}`),
			"an unknown critical extension": signJWT(t, alg, private, map[jose.HeaderKey]any{"crit": []string{"x"}, "x": 1}, withExp(name)),
		} {
			o.wantOAuthError(name+": "+what, o.integrify(text), 400, "invalid_grant")
		}
	}
	for name, text := range map[string]string{
		"HS512":              signJWT(t, jose.HS512, append(hmacKey, make([]byte, 32)...), nil, base(nil)),
		"RS256 for a secret": signJWT(t, jose.RS256, rsaKey, nil, withExp("signer")),
		"none":               unsigned(`{"alg":"none"}`, `{"iss":"signer","aud":"`+issuer+`","iat":1795280000}`),
		"a claim twice":      twice(t),
	} {
		o.wantOAuthError(name, o.integrify(text), 400, "invalid_grant")
	}
}

// twice returns a validly signed JWT that has the claim iss twice.
func twice(t *testing.T) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: hmacKey}, nil)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign([]byte(`{"iss":"crm","iss":"signer","aud":"` + issuer + `","iat":1795280000}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func publicPEM(t *testing.T, key crypto.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func TestIntegrifyDuringARotation(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	token := o.token(o.integrify(o.signed(nil)))
	made := o.root("POST", "/v1/keys/signer/rotate", `{"overlap_seconds":3600}`, 200)
	next, _ := made["secret"].(string)
	o.token(o.integrify(o.signed(nil)))
	o.token(o.integrify(signJWT(t, jose.HS256, append([]byte(next), make([]byte, 32-len(next))...), nil, base(nil))))
	if w := o.run(bearer(token)); w.Code != 200 {
		t.Errorf("a token of before the rotation: %d %s", w.Code, w.Body)
	}
	o.root("POST", "/v1/keys/signer/rotate", `{"overlap_seconds":0}`, 200)
	o.wantOAuthError("the secret of before, without an overlap", o.integrify(o.signed(nil)), 400, "invalid_grant")
	o.wantDead("rotation without an overlap", o.run(bearer(token)))
}

func TestIntegrifyTokensDieWithTheirReasons(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	for _, act := range []func(){
		func() { o.root("PATCH", "/v1/keys/signer", `{"impersonate":["guest"]}`, 200) },
		func() { o.root("PATCH", "/v1/keys/signer", `{"flows":[70]}`, 200) },
		func() { o.root("PATCH", "/v1/users/ann", `{"roles":["viewer"]}`, 200) },
		func() { o.root("DELETE", "/v1/users/ann", "", 204) },
	} {
		o.root("PATCH", "/v1/keys/signer", `{"impersonate":["ann"],"flows":[69]}`, 200)
		o.root("PATCH", "/v1/users/ann", `{"roles":["api_user"]}`, 200)
		token := o.token(o.integrify(o.signed(nil)))
		act()
		o.wantDead("acting as ann", o.run(bearer(token)))
	}
}

func TestExchange(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	const (
		grant  = "urn:ietf:params:oauth:grant-type:token-exchange"
		access = "urn:ietf:params:oauth:token-type:access_token"
		jwt    = "urn:ietf:params:oauth:token-type:jwt"
	)
	own := o.token(o.integrify(o.signed(claims{"sub": nil})))
	acting := o.token(o.integrify(o.signed(nil)))
	client := o.token(o.form("/oauth2/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", crmBasic))
	exchange := func(pairs ...string) *httptest.ResponseRecorder {
		return o.form("/oauth2/token", with(url.Values{"grant_type": {grant}}, pairs...))
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"a JWT":              exchange("subject_token", o.signed(nil), "subject_token_type", jwt),
		"a JWT and an actor": exchange("subject_token", o.signed(nil), "subject_token_type", jwt, "actor_token", own, "actor_token_type", access),
		"a token and a name": exchange("subject_token", own, "subject_token_type", access, "requested_subject", "ann"),
		"for this server":    exchange("subject_token", own, "subject_token_type", access, "requested_subject", "ann", "audience", issuer),
		"asked for by type":  exchange("subject_token", own, "subject_token_type", access, "requested_subject", "ann", "requested_token_type", access),
	} {
		got := o.object(w)
		if w.Code != 200 || got["issued_token_type"] != access || got["token_type"] != "Bearer" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
			continue
		}
		if w := o.run(bearer(o.token(w))); w.Code != 200 {
			t.Errorf("%s: a run: %d %s", name, w.Code, w.Body)
		}
	}
	for _, tc := range []struct {
		name string
		w    *httptest.ResponseRecorder
		code string
	}{
		{"no token", exchange("subject_token_type", access), "invalid_request"},
		{"no type", exchange("subject_token", own), "invalid_request"},
		{"another type", exchange("subject_token", own, "subject_token_type", "urn:ietf:params:oauth:token-type:saml2"), "invalid_request"},
		{"another server", exchange("subject_token", own, "subject_token_type", access, "audience", "https://other.example"), "invalid_target"},
		{"a resource", exchange("subject_token", own, "subject_token_type", access, "resource", "https://other.example"), "invalid_target"},
		{"a refresh token", exchange("subject_token", own, "subject_token_type", access, "requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), "invalid_request"},
		{"a user not in the list", exchange("subject_token", own, "subject_token_type", access, "requested_subject", "bob"), "invalid_grant"},
		{"a chain", exchange("subject_token", acting, "subject_token_type", access, "requested_subject", "root"), "invalid_grant"},
		{"a chain through the actor", exchange("subject_token", o.signed(nil), "subject_token_type", jwt, "actor_token", acting, "actor_token_type", access), "invalid_grant"},
		{"a client's token", exchange("subject_token", client, "subject_token_type", access, "requested_subject", "ann"), "invalid_grant"},
		{"a user's token", exchange("subject_token", o.annsToken(), "subject_token_type", access, "requested_subject", "root"), "invalid_grant"},
		{"an unknown token", exchange("subject_token", "pst_x", "subject_token_type", access, "requested_subject", "ann"), "invalid_grant"},
		{"two different subjects", exchange("subject_token", o.signed(nil), "subject_token_type", jwt, "requested_subject", "root"), "invalid_grant"},
	} {
		o.wantOAuthError(tc.name, tc.w, 400, tc.code)
	}
}
