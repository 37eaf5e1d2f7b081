package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/penstock/penstock/store"
)

// A client proves itself in one way at a time, by its present secret.
func TestClientSecrets(t *testing.T) {
	t.Parallel()
	a := newTestAuthority(t)
	a.addClients()
	hash, err := a.Hash(t.Context(), "100% of it: a+b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.config.Store.Clients().Create(t.Context(), store.Client{Identifier: "client-c", Name: "c", Hash: hash}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		basic string
		pairs []string
		code  Code // empty: it is the client
	}{
		"by Basic":                        {"client-a:" + testPassword, nil, ""},
		"by the body":                     {"", []string{"client_id", "client-a", "client_secret", testPassword}, ""},
		"by Basic with its name":          {"client-a:" + testPassword, []string{"client_id", "client-a"}, ""},
		"form-encoded, as the RFC says":   {"client-a:" + url.QueryEscape(testPassword), nil, ""},
		"odd characters as they are":      {"client-c:100% of it: a+b", nil, ""},
		"odd characters, form-encoded":    {"client-c:" + url.QueryEscape("100% of it: a+b"), nil, ""},
		"encoded twice":                   {"client-c:" + url.QueryEscape(url.QueryEscape("100% of it: a+b")), nil, CodeInvalidClient},
		"form-encoded in the body":        {"", []string{"client_id", "client-a", "client_secret", url.QueryEscape(testPassword)}, CodeInvalidClient},
		"nobody":                          {"", nil, CodeInvalidClient},
		"no secret":                       {"", []string{"client_id", "client-a"}, CodeInvalidClient},
		"an empty secret":                 {"client-a:", nil, CodeInvalidClient},
		"no identifier":                   {":" + testPassword, nil, CodeInvalidClient},
		"another's secret":                {"client-a:100% of it: a+b", nil, CodeInvalidClient},
		"the stored hash":                 {"client-c:" + hash, nil, CodeInvalidClient},
		"Basic and a secret in the body":  {"client-a:" + testPassword, []string{"client_secret", testPassword}, CodeInvalidRequest},
		"Basic of one, client_id another": {"client-a:" + testPassword, []string{"client_id", "client-b"}, CodeInvalidRequest},
		"the user ann":                    {"ann:" + testPassword, nil, CodeInvalidClient},
		"a key":                           {"key-a:" + testSecretA, nil, CodeInvalidClient},
	} {
		_, err := a.client(t.Context(), tokenRequest(Integrify, c.basic, c.pairs...))
		if c.code != "" {
			wantCode(t, name, err, c.code)
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	a.changeClient(func(c *store.Client) { c.Disabled = true })
	_, err = a.client(t.Context(), tokenRequest(Integrify, "client-a:"+testPassword))
	if e := asError(err); e != errClient {
		t.Errorf("disabled: %v, want the error of a wrong secret", err)
	}
}

// clientSigner signs assertions of client-a, with a jti of its own each.
type clientSigner struct {
	*testAuthority
	key  *ecdsa.PrivateKey
	used int
}

func newClientSigner(t *testing.T) *clientSigner {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &clientSigner{newTestAuthority(t), key, 0}
	s.changeClient(func(c *store.Client) { c.PublicKey = pemOf(t, key.Public(), "PUBLIC KEY") })
	return s
}

// claims are those of a good assertion with changes: pairs of a name and JSON; empty removes the claim.
func (s *clientSigner) claims(change ...string) string {
	s.used++
	all := map[string]string{
		"iss": `"client-a"`, "sub": `"client-a"`, "aud": strconv.Quote(testIssuer), "exp": fmt.Sprint(s.now.Unix() + 60), "jti": strconv.Quote(fmt.Sprint("id-", s.used)),
	}
	for i := 0; i < len(change); i += 2 {
		all[change[i]] = change[i+1]
	}
	var members []string
	for name, value := range all {
		if value != "" {
			members = append(members, strconv.Quote(name)+":"+value)
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (s *clientSigner) sign(claims string) string {
	s.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: s.key}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(claims))
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// open authenticates a request with an assertion at an endpoint; nil is introspection and revocation.
func (s *clientSigner) open(e *Endpoint, text string, more ...string) error {
	_, err := s.client(s.t.Context(), tokenRequest(e, "", append([]string{"client_assertion", text, "client_assertion_type", typeClientAssertion}, more...)...))
	return err
}

// The claims of a client's assertion at their edges (RFC 7523 section 3).
func TestClientAssertionClaims(t *testing.T) {
	t.Parallel()
	s := newClientSigner(t)
	in := func(d time.Duration) string { return fmt.Sprint(s.now.Add(d).Unix()) }
	for _, tc := range []struct {
		name   string
		change []string
		good   bool
	}{
		{"as it is", nil, true},
		{"aud with a slash", []string{"aud", `"` + testIssuer + `/"`}, true},
		{"aud is the endpoint", []string{"aud", `"` + testIssuer + `/oauth2/token"`}, true},
		{"aud is another endpoint", []string{"aud", `"` + testIssuer + `/oauth/v2/oauth-token"`}, false},
		{"aud is introspection", []string{"aud", `"` + testIssuer + `/oauth/introspect"`}, false},
		{"aud is another server", []string{"aud", `"https://other.example"`}, false},
		{"two audiences", []string{"aud", `["` + testIssuer + `","` + testIssuer + `/"]`}, false},
		{"no aud", []string{"aud", ""}, false},
		{"exp in a second", []string{"exp", in(time.Second)}, true},
		{"exp now", []string{"exp", in(0)}, false},
		{"exp in an hour", []string{"exp", in(time.Hour)}, true},
		{"exp in an hour and a second", []string{"exp", in(time.Hour + time.Second)}, false},
		{"exp at the end of time", []string{"exp", "1e18"}, false},
		{"no exp", []string{"exp", ""}, false},
		{"no exp, but iat", []string{"exp", "", "iat", in(0)}, false},
		{"iat at the newest", []string{"iat", in(maxClockSkew)}, true},
		{"iat too new", []string{"iat", in(maxClockSkew + time.Second)}, false},
		{"nbf at the newest", []string{"nbf", in(maxClockSkew)}, true},
		{"nbf too new", []string{"nbf", in(maxClockSkew + time.Second)}, false},
		{"no jti", []string{"jti", ""}, false},
		{"an empty jti", []string{"jti", `""`}, false},
		{"no iss", []string{"iss", ""}, false},
		{"iss of another", []string{"iss", `"client-b"`}, false},
		{"no sub", []string{"sub", ""}, false},
		{"sub of another", []string{"sub", `"client-b"`, "iss", `"client-b"`}, false},
		{"sub in another case", []string{"sub", `"CLIENT-A"`, "iss", `"CLIENT-A"`}, false},
	} {
		err := s.open(Integrify, s.sign(s.claims(tc.change...)))
		if tc.good != (err == nil) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if !tc.good {
			wantCode(t, tc.name, err, CodeInvalidClient)
		}
	}
	for _, path := range []string{PathIntrospect, PathRevoke, ""} {
		if err := s.open(nil, s.sign(s.claims("aud", strconv.Quote(testIssuer+path)))); err != nil {
			t.Errorf("aud %s at introspection: %v", path, err)
		}
	}
	wantCode(t, "the token endpoint's at introspection", s.open(nil, s.sign(s.claims("aud", strconv.Quote(testIssuer+"/oauth2/token")))), CodeInvalidClient)
}

// An assertion is used once, also in another spelling, and only when it is accepted.
func TestClientAssertionIsUsedOnce(t *testing.T) {
	t.Parallel()
	s := newClientSigner(t)
	claims := s.claims()
	text := s.sign(claims)
	wantCode(t, "client_id of another", s.open(Integrify, text, "client_id", "client-b"), CodeInvalidClient)
	if err := s.open(Integrify, text, "client_id", "client-a"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "again", s.open(Integrify, text), CodeInvalidClient)
	wantCode(t, "at another endpoint", s.open(nil, text), CodeInvalidClient)
	wantCode(t, "with a line break", s.open(Integrify, text+"\n"), CodeInvalidClient)
	wantCode(t, "signed again", s.open(Integrify, s.sign(claims)), CodeInvalidClient)
	s.now = s.now.Add(59 * time.Second)
	wantCode(t, "at its last second", s.open(Integrify, text), CodeInvalidClient)
	if err := s.open(Integrify, s.sign(s.claims())); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

// The stored public key decides on the algorithm and the client; neither header nor parameters do.
func TestClientAssertionForgeries(t *testing.T) {
	t.Parallel()
	s := newClientSigner(t)
	good := s.sign(s.claims())
	payload := strings.Split(good, ".")[1]
	public := pemOf(t, s.key.Public(), "PUBLIC KEY")
	for name, text := range map[string]string{
		"nothing":                     "",
		"alg none":                    "eyJhbGciOiJub25lIn0." + payload + ".",
		"HS256 with the public key":   hs256(hsHeader, s.claims(), public),
		"HS256 with the secret":       hs256(hsHeader, s.claims(), testPassword),
		"HS256 with an empty secret":  hs256(hsHeader, s.claims(), ""),
		"of a key":                    hs256(hsHeader, s.payload(""), testSecretA),
		"another key":                 newClientSigner(t).sign(s.claims()),
		"two lines":                   good + "\n" + good,
		"claims twice":                s.sign(strings.Replace(s.claims(), "{", `{"sub":"client-b",`, 1)),
		"a payload of another":        strings.Replace(good, payload, strings.Split(s.sign(s.claims()), ".")[1], 1),
		"longer than 8 KiB":           s.sign(s.claims("pad", strconv.Quote(strings.Repeat("x", maxAssertion)))),
		"two signatures, as JSON":     `{"payload":"` + payload + `","signatures":[]}`,
		"the assertion of an Ansira":  "x.y.z",
		"a token":                     store.TokenPrefix + strings.Repeat("A", 43),
		"the client's name, unsigned": "client-a",
	} {
		wantCode(t, name, s.open(Integrify, text), CodeInvalidClient)
	}
	for name, pairs := range map[string][]string{
		"no type":            {"client_assertion", good},
		"another type":       {"client_assertion", good, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
		"with a secret":      {"client_assertion", good, "client_assertion_type", typeClientAssertion, "client_secret", testPassword},
		"a type only, empty": {"client_assertion_type", "", "client_id", "client-a", "client_secret", testPassword},
	} {
		_, err := s.client(t.Context(), tokenRequest(Integrify, "", pairs...))
		wantCode(t, name, err, CodeInvalidRequest)
	}
	_, err := s.client(t.Context(), tokenRequest(Integrify, "client-a:"+testPassword, "client_assertion", good, "client_assertion_type", typeClientAssertion))
	wantCode(t, "with Basic", err, CodeInvalidRequest)
	if err := s.open(Integrify, good); err != nil {
		t.Errorf("none of these has used it up: %v", err)
	}
	for name, edit := range map[string]func(*store.Client){
		"disabled":      func(c *store.Client) { c.Disabled = true },
		"no public key": func(c *store.Client) { c.Disabled, c.PublicKey = false, "" },
		"another key":   func(c *store.Client) { c.Disabled, c.PublicKey = false, pemOf(t, rsaOf(2048), "PUBLIC KEY") },
	} {
		s.changeClient(edit)
		if err := s.open(Integrify, s.sign(s.claims())); asError(err) != errClientJWT {
			t.Errorf("%s: %v, want the error of a wrong signature", name, err)
		}
	}
}
