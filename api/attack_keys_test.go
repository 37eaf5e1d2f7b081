package api_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// newGuardedAPI returns an authAPI with a brute-force guard for API keys.
func newGuardedAPI(t *testing.T) *authAPI {
	t.Helper()
	return newAuthAPI(t, func(c *api.Config) {
		c.Guard = newGuard(t, testenv.Redis(t).Client(), c.Now)
	})
}

// keyEndpoints are the two APIs that accept a key. Each call signs another request with a secret, from an address.
func keyEndpoints(o *authAPI) map[string]func(key, secret, ip string) *httptest.ResponseRecorder {
	n := 0
	return map[string]func(key, secret, ip string) *httptest.ResponseRecorder{
		"check value": func(key, secret, ip string) *httptest.ResponseRecorder {
			n++
			r := apitest.Call{Params: map[string]string{"key": key, "ts": fmt.Sprint(apitest.Epoch.Unix() - int64(n))}, Secret: secret}.Request()
			r.RemoteAddr = ip + ":1234"
			return o.Do(r)
		},
		"signature": func(key, secret, ip string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(http.MethodPost, "/v1/flows/69/runs", strings.NewReader(`{}`))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set(auth.HeaderKey, key)
			r.Header.Set(auth.HeaderSignature, auth.SignV2(r.Method, r.URL.RequestURI(), key, fmt.Sprint(apitest.Epoch.Unix()), rand.Text(), []byte(`{}`), secret))
			r.RemoteAddr = ip + ":1234"
			return o.Do(r)
		},
	}
}

func TestAttackGuessingTheSecretsOfKeys(t *testing.T) {
	t.Parallel()
	for _, door := range []string{"check value", "signature"} {
		o := newGuardedAPI(t)
		send := keyEndpoints(o)[door]
		want := func(what string, w *httptest.ResponseRecorder, status int) {
			t.Helper()
			if w.Code != status || status == 429 && w.Header().Get("Retry-After") == "" {
				t.Errorf("%s: %s: %d %v %s, want %d", door, what, w.Code, w.Header(), w.Body, status)
			}
		}
		for _, key := range []string{apitest.KeyID, "no-such-key"} { // the same, known or not
			for i := range 6 {
				want("guess", send(key, fmt.Sprint("guess ", i), "198.51.100.1"), 401)
			}
			want("the right secret, from where it was guessed", send(key, apitest.KeySecret, "198.51.100.1"), 429)
		}
		want("the owner, elsewhere", send(apitest.KeyID, apitest.KeySecret, "198.51.100.2"), 200)
		o.clock.pass(time.Second - time.Millisecond)
		want("the right secret, too soon", send(apitest.KeyID, apitest.KeySecret, "198.51.100.1"), 429)
		o.clock.pass(time.Millisecond)
		want("the right secret, after the wait", send(apitest.KeyID, apitest.KeySecret, "198.51.100.1"), 200)
		for i := range 40 { // from one address, keys without end
			send(fmt.Sprint("key", i), "x", "198.51.100.3")
		}
		want("too many from one address", send("another", "x", "198.51.100.3"), 429)
	}
}

// Attackers at any number of addresses do not delay the owner of a key: a weak secret is accepted where it was
// proved lately, a strong one everywhere.
func TestAttackLockingOutAKey(t *testing.T) {
	t.Parallel()
	const strong = "0123456789abcdef"
	o := newGuardedAPI(t)
	if _, err := o.store.Keys().Put(t.Context(), store.Key{Key: "strong-key", Secret: strong, APIAccess: true}); err != nil {
		t.Fatal(err)
	}
	for name, send := range keyEndpoints(o) {
		if w := send(apitest.KeyID, apitest.KeySecret, "192.0.2.77"); w.Code != 200 {
			t.Errorf("%s: the owner, before: %d %s", name, w.Code, w.Body)
		}
		for i := range 120 {
			send(apitest.KeyID, "guess", fmt.Sprintf("203.0.113.%d", i%60))
			send("strong-key", "guess", fmt.Sprintf("203.0.113.%d", i%60))
		}
		for _, ip := range []string{"192.0.2.78", "203.0.113.1"} { // a new address, and one that guessed
			if w := send("strong-key", strong, ip); w.Code != 200 {
				t.Errorf("%s: the owner of a strong secret at %s: %d %s", name, ip, w.Code, w.Body)
			}
		}
		if w := send(apitest.KeyID, apitest.KeySecret, "192.0.2.77"); w.Code != 200 {
			t.Errorf("%s: the owner: %d %s", name, w.Code, w.Body)
		}
		// Who proved itself a moment ago is not held up by others at its address.
		for i := range 40 {
			send(fmt.Sprint("key", i), "x", "192.0.2.77")
		}
		if w := send(apitest.KeyID, apitest.KeySecret, "192.0.2.77"); w.Code != 200 {
			t.Errorf("%s: the owner, beside a guesser: %d %s", name, w.Code, w.Body)
		}
	}
}

// A valid JWT, and a client's secret together with its assertion, are never rejected because of the failures of
// others, even for the same name.
func TestAttackSignedGrantsAreNotRefused(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	a := o.assertion()
	for i := range 40 {
		o.form("/token", with(passwordForm, "username", fmt.Sprint("name", i), "password", "x"))
	}
	for range 8 {
		o.ansira("x", "", "Authorization", basic("client-crm", "guess"))
		o.integrify(o.signed(nil) + "x")
	}
	o.wantOAuthError("the client without its assertion", o.ansira("x", ""), 429, "slow_down")
	o.wantOAuthError("a JWT that does not fit", o.integrify(o.signed(nil)+"x"), 429, "slow_down")
	o.wantOAuthError("the assertion, with a wrong secret", o.ansira(a, "", "Authorization", basic("client-crm", "guess")), 429, "slow_down")
	o.token(o.ansira(a, ""))
	o.token(o.integrify(o.signed(nil)))
	if w := o.form("/oauth/introspect", url.Values{"token": {"x"}}, "Authorization", basic("client-other", "guess")); w.Code != 429 {
		t.Errorf("introspection by a client that is not there: %d %s", w.Code, w.Body)
	}
}
