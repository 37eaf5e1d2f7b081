package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/penstock/penstock/api/apitest"
)

func TestPrivateKeyJWT(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	other, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	key, _ := json.Marshal(claims{"public_key": publicPEM(t, private.Public())})
	o.root("PATCH", "/v1/clients/client-crm", string(key), 200)
	used := 0
	claimed := func(change claims) claims {
		used++
		c := claims{"iss": "client-crm", "sub": "client-crm", "aud": issuer + "/oauth2/token", "jti": strconv.Itoa(used), "exp": apitest.Epoch.Add(time.Minute).Unix()}
		for name, value := range change {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
		return c
	}
	send := func(path, assertion string, more ...string) *httptest.ResponseRecorder {
		form := url.Values{
			"grant_type": {"client_credentials"}, "client_assertion": {assertion},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		}
		return o.form(path, with(form, more...))
	}
	signed := func(change claims) string { return signJWT(t, jose.ES256, private, nil, claimed(change)) }
	first := signed(nil)
	token := o.token(send("/oauth2/token", first))
	o.wantOAuthError("jti again", send("/oauth2/token", first), 401, "invalid_client")
	o.token(send("/oauth/v2/oauth-token", signed(claims{"aud": issuer})))
	if got := o.object(send("/oauth/introspect", signed(claims{"aud": issuer + "/oauth/introspect"}), "token", token)); got["active"] != true {
		t.Errorf("introspection: %v", got)
	}
	if w := send("/oauth/revoke", signed(claims{"aud": issuer}), "token", token); w.Code != 200 {
		t.Errorf("revocation: %d %s", w.Code, w.Body)
	}
	o.wantDead("revoked", o.run(bearer(token)))
	for what, change := range map[string]claims{
		"aud of another endpoint": {"aud": issuer + "/oauth/v2/oauth-token"},
		"aud of another server":   {"aud": "https://other.example.org"},
		"two audiences":           {"aud": []string{issuer, "https://other.example.org"}},
		"no aud":                  {"aud": nil},
		"no exp":                  {"exp": nil},
		"expired":                 {"exp": apitest.Epoch.Unix()},
		"exp far ahead":           {"exp": apitest.Epoch.Add(2 * time.Hour).Unix()},
		"no jti":                  {"jti": nil},
		"another iss":             {"iss": "client-other"},
		"another sub":             {"sub": "client-other"},
		"an unknown client":       {"sub": "client-x", "iss": "client-x"},
	} {
		o.wantOAuthError(what, send("/oauth2/token", signed(change)), 401, "invalid_client")
	}
	o.wantOAuthError("another key", send("/oauth2/token", signJWT(t, jose.ES256, other, nil, claimed(nil))), 401, "invalid_client")
	o.wantOAuthError("HS256 with the secret", send("/oauth2/token", signJWT(t, jose.HS256, append([]byte(crmSecret), make([]byte, 32)...), nil, claimed(nil))), 401, "invalid_client")
	o.wantOAuthError("another client_id", send("/oauth2/token", signed(nil), "client_id", "client-other"), 401, "invalid_client")
	o.wantOAuthError("with the secret", send("/oauth2/token", signed(nil), "client_secret", crmSecret), 400, "invalid_request")
	o.wantOAuthError("another type", o.form("/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_assertion": {signed(nil)}}), 400, "invalid_request")
	o.root("PATCH", "/v1/clients/client-crm", `{"disabled":true}`, 200)
	o.wantOAuthError("disabled", send("/oauth2/token", signed(nil)), 401, "invalid_client")
	o.root("PATCH", "/v1/clients/client-crm", `{"disabled":false,"public_key":""}`, 200)
	o.wantOAuthError("without a public key", send("/oauth2/token", signed(nil)), 401, "invalid_client")
}
