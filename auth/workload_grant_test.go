package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/penstock/penstock/auth/oidc/oidctest"
	"github.com/penstock/penstock/auth/workload"
	"github.com/penstock/penstock/store"
)

// ci is an authority with a rule for a repository, and the CI that signs its tokens.
type ci struct {
	*testAuthority
	at *oidctest.Provider
}

func newCI(t *testing.T, more string) *ci {
	t.Helper()
	c := &ci{newTestAuthority(t), oidctest.New(t)}
	rules, err := workload.Parse([]byte("rules:\n- {name: deploy, issuer: '" + c.at.URL + "', client: ci-client, scopes: ['flows:read', 'flows:write:7'], minutes: 10, claims: {repository: acme/flows, ref: refs/heads/main" + more + "}}"))
	if err != nil {
		t.Fatal(err)
	}
	c.config.Workload = workload.New(rules, c.config.Issuer, func() time.Time { return c.now })
	if _, err := c.config.Store.Clients().Create(t.Context(), store.Client{Identifier: "ci-client", Name: "CI", Hash: "x", Scopes: []string{"flows:read", "flows:write", "runs:read"}, TokenTTL: 60}); err != nil {
		t.Fatal(err)
	}
	return c
}

// claims are those of a token of GitHub that the rule lets in, after a change.
func (c *ci) claims(change map[string]any) map[string]any {
	all := map[string]any{
		"iss": c.at.URL, "aud": c.config.Issuer, "sub": "repo:acme/flows:ref:refs/heads/main", "repository": "acme/flows", "ref": "refs/heads/main", "event_name": "push",
		"run_id": "4711", "jti": rand.Text(), "iat": c.now.Unix(), "nbf": c.now.Unix() - 10, "exp": c.now.Add(5 * time.Minute).Unix(),
	}
	maps.Copy(all, change)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return all
}

func (c *ci) exchange(token string, pairs ...string) (*TokenAnswer, error) {
	return c.ask(Integrify, "", append([]string{"grant_type", typeExchange, "subject_token", token, "subject_token_type", typeIDToken}, pairs...)...)
}

// A program of the CI gets a token with the scopes that both the rule and the client have, for minutes, and the audit log is told which run it was.
func TestWorkloadIdentity(t *testing.T) {
	t.Parallel()
	c := newCI(t, "")
	answer, err := c.exchange(c.at.SignToken(c.claims(nil)))
	if err != nil {
		t.Fatal(err)
	}
	if answer.Token.Kind != store.PrincipalClient || answer.Token.Principal != "ci-client" || answer.Token.Name != "ci:deploy" || !slices.Equal(answer.Token.Scopes, []string{"flows:read", "flows:write:7"}) ||
		answer.Token.ExpiresAt.Sub(c.now) != 10*time.Minute || answer.Body["refresh_token"] != nil || answer.Body["issued_token_type"] != typeAccessToken {
		t.Errorf("token %+v, body %v", answer.Token, answer.Body)
	}
	for _, part := range []string{"rule deploy", "jti ", `sub "repo:acme/flows:ref:refs/heads/main"`, `run_id "4711"`} {
		if !strings.Contains(answer.Workload, part) {
			t.Errorf("the audit log lacks %s: %s", part, answer.Workload)
		}
	}
	text, _ := answer.Body["access_token"].(string)
	p, err := c.principal(text)
	if err != nil || p.String() != "client:ci-client" || !p.May(ScopeWriteFlows, 7) || p.May(ScopeWriteFlows, 8) {
		t.Errorf("principal %+v, %v", p, err)
	}
	for kind, pairs := range map[string][]string{"as a JWT": {"subject_token_type", typeJWT}, "a narrower scope": {"scope", "flows:read"}} {
		if _, err := c.exchange(c.at.SignToken(c.claims(nil)), pairs...); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	_, err = c.exchange(c.at.SignToken(c.claims(nil)), "scope", "runs:read")
	wantCode(t, "a scope that only the client has", err, CodeInvalidScope)
	if _, err := c.config.Store.Clients().Change(t.Context(), "ci-client", func(k *store.Client) error { k.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := c.principal(text); err == nil {
		t.Error("the token outlives its client")
	}
	_, err = c.exchange(c.at.SignToken(c.claims(nil)))
	wantCode(t, "a client that is disabled", err, CodeInvalidGrant)
}

// Tokens that prove something else than the rule says get nothing.
func TestWorkloadTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	c := newCI(t, "")
	other := oidctest.New(t)
	for name, change := range map[string]map[string]any{
		"another audience":                {"aud": "https://other.example.org"},
		"two audiences":                   {"aud": []string{c.config.Issuer, "https://other.example.org"}},
		"no audience":                     {"aud": nil},
		"the audience and a slash":        {"aud": c.config.Issuer + "/"},
		"a repository of the same prefix": {"repository": "acme/flows-evil"},
		"a repository of another owner":   {"repository": "evil/flows", "sub": "repo:acme/flows:ref:refs/heads/main"},
		"another branch":                  {"ref": "refs/heads/main2"},
		"no branch":                       {"ref": nil},
		"a pull request":                  {"event_name": "pull_request"},
		"a pull request with the secrets": {"event_name": "pull_request_target"},
		"a merge request":                 {"pipeline_source": "merge_request_event"},
		"a list":                          {"repository": []string{"acme/flows"}},
		"a number":                        {"repository": 1},
		"an object":                       {"repository": map[string]string{"name": "acme/flows"}},
		"over":                            {"exp": c.now.Add(-time.Second).Unix()},
		"without an end":                  {"exp": nil},
		"of the future":                   {"iat": c.now.Add(2 * time.Minute).Unix()},
		"not yet":                         {"nbf": c.now.Add(2 * time.Minute).Unix()},
		"without iat":                     {"iat": nil},
		"without jti":                     {"jti": nil},
		"a jti that is a number":          {"jti": 5},
		"another issuer":                  {"iss": other.URL},
		"too long":                        {"more": strings.Repeat("x", 8<<10)},
	} {
		_, err := c.exchange(c.at.SignToken(c.claims(change)))
		wantCode(t, name, err, CodeInvalidGrant)
	}
	if other.Asked() != 0 {
		t.Error("an issuer that no rule names was contacted")
	}
	token := c.at.SignToken(c.claims(nil))
	if _, err := c.exchange(token); err != nil {
		t.Fatal(err)
	}
	_, err := c.exchange(token)
	wantCode(t, "the same token again", err, CodeInvalidGrant)
	_, err = c.exchange(c.at.SignToken(c.claims(nil)), "requested_subject", "ann")
	wantCode(t, "as a user", err, CodeInvalidRequest)
}

// Signatures that are not the issuer's count for nothing, whatever their headers say.
func TestWorkloadSignatures(t *testing.T) {
	t.Parallel()
	c := newCI(t, "")
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(c.claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	sign := func(alg jose.SignatureAlgorithm, key any, headers map[jose.HeaderKey]any) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, &jose.SignerOptions{ExtraHeaders: headers, EmbedJWK: headers["embed"] != nil})
		if err != nil {
			t.Fatal(err)
		}
		signed, err := signer.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		text, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	public, err := x509.MarshalPKIXPublicKey(c.at.Public())
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	good := strings.Split(c.at.SignToken(c.claims(nil)), ".")
	for name, token := range map[string]string{
		"alg none":                  encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + ".",
		"alg None with a signature": encode([]byte(`{"alg":"None","kid":"1"}`)) + "." + good[1] + "." + good[2],
		"HS256 with the public key": sign(jose.HS256, public, map[jose.HeaderKey]any{"kid": "1"}),
		"a stranger's key":          oidctest.SignWith(stranger, payload),
		"a key in the header":       sign(jose.ES256, stranger, map[jose.HeaderKey]any{"embed": true}),
		"the address of keys":       sign(jose.ES256, stranger, map[jose.HeaderKey]any{"jku": "https://evil.example.org/keys", "kid": "1"}),
		"a kid that is a path":      sign(jose.ES256, stranger, map[jose.HeaderKey]any{"kid": "../../keys"}),
		"no kid":                    sign(jose.ES256, stranger, nil),
		"the signature of another":  good[0] + "." + encode(payload) + "." + good[2],
		"JSON in place of a JWT":    `{"payload":"` + encode(payload) + `","signatures":[]}`,
		"a line break":              good[0] + ".\n" + good[1] + "." + good[2],
		"nothing":                   "x",
	} {
		_, err := c.exchange(token)
		wantCode(t, name, err, CodeInvalidGrant)
	}
	if n := c.at.Asked(); n > 1 {
		t.Errorf("the keys were read %d times in a moment", n)
	}
	if _, err := c.exchange(strings.Join(good, ".")); err != nil {
		t.Errorf("the right one: %v", err)
	}
}

// A new key of the issuer is known within a minute, and while the issuer is away the keys that are known count.
func TestKeysOfAnIssuer(t *testing.T) {
	t.Parallel()
	c := newCI(t, "")
	c.at.Fail = "/keys"
	_, err := c.exchange(c.at.SignToken(c.claims(nil)))
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("while the keys cannot be read: %v", err)
	}
	c.at.Fail = ""
	c.now = c.now.Add(time.Minute)
	if _, err := c.exchange(c.at.SignToken(c.claims(nil))); err != nil {
		t.Fatal(err)
	}
	c.at.Rotate(t)
	_, err = c.exchange(c.at.SignToken(c.claims(nil)))
	wantCode(t, "a new key in the same minute", err, CodeInvalidGrant)
	c.now = c.now.Add(time.Minute)
	if _, err := c.exchange(c.at.SignToken(c.claims(nil))); err != nil {
		t.Errorf("a new key: %v", err)
	}
	c.at.Fail = "/.well-known/openid-configuration"
	c.now = c.now.Add(2 * time.Hour)
	if _, err := c.exchange(c.at.SignToken(c.claims(nil))); err != nil {
		t.Errorf("while the issuer is away: %v", err)
	}
}

// A rule that lets in pull requests says so.
func TestAPullRequestThatARuleNames(t *testing.T) {
	t.Parallel()
	c := newCI(t, ", event_name: pull_request")
	if _, err := c.exchange(c.at.SignToken(c.claims(map[string]any{"event_name": "pull_request"}))); err != nil {
		t.Error(err)
	}
}
