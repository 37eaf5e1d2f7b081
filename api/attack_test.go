package api_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/store"
)

// The attacks of docs/security.md.

func TestAttackEnumerationByText(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	answers := map[string]bool{}
	for _, form := range []url.Values{
		with(passwordForm, "password", "wrong"), with(passwordForm, "username", "nobody"),
		with(passwordForm, "username", "guest"), with(passwordForm, "username", "gone"),
	} {
		w := o.form("/token", form)
		answers[fmt.Sprint(w.Code, w.Body)] = true
	}
	if len(answers) != 1 {
		t.Errorf("the password grant has %d answers: %v", len(answers), answers)
	}
	answers = map[string]bool{}
	for _, c := range []claims{{"iss": "nobody"}, {"iss": apitest.KeyID}} {
		w := o.integrify(o.signed(c))
		answers[fmt.Sprint(w.Code, w.Body)] = true
	}
	if len(answers) != 1 {
		t.Errorf("a JWT has %d answers: %v", len(answers), answers)
	}
	answers = map[string]bool{}
	for _, sub := range []string{"nobody", "bob", "guest", "gone"} {
		w := o.integrify(o.signed(claims{"sub": sub}))
		answers[fmt.Sprint(w.Code, w.Body)] = true
	}
	if len(answers) != 1 {
		t.Errorf("impersonation has %d answers: %v", len(answers), answers)
	}
	answers = map[string]bool{}
	for _, who := range []string{basic("client-crm", "wrong"), basic("client-nobody", "wrong")} {
		w := o.form("/oauth2/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", who)
		answers[fmt.Sprint(w.Code, w.Body)] = true
	}
	if len(answers) != 1 {
		t.Errorf("a client has %d answers: %v", len(answers), answers)
	}
}

// A client with the scope clients:admin cannot become an administrator.
func TestAttackScopeEscalation(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	big := o.root("POST", "/v1/clients", `{"name":"big","scopes":["users:admin"]}`, 201)
	clerk := o.root("POST", "/v1/clients", `{"name":"clerk","scopes":["clients:admin","runs:read"],"secret":"the-clerks-own-secret"}`, 201)
	bigID, _ := big["identifier"].(string)
	clerkID, _ := clerk["identifier"].(string)
	token := bearer(o.token(o.form("/oauth2/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", basic(clerkID, "the-clerks-own-secret"))))
	for _, tc := range []struct{ method, path, body string }{
		{"POST", "/v1/clients", `{"name":"x","scopes":["users:admin"]}`},
		{"POST", "/v1/clients", `{"name":"x","scopes":["clients:admin","flows:run:69"]}`},
		{"PATCH", "/v1/clients/" + clerkID, `{"scopes":["clients:admin","users:admin"]}`},
		{"PATCH", "/v1/clients/" + bigID, `{"scopes":["clients:admin"]}`},
		{"PATCH", "/v1/clients/" + bigID, `{"name":"mine"}`},
		{"POST", "/v1/clients/" + bigID + "/token", ""},
		{"POST", "/v1/clients/" + bigID + "/assertion", ""},
		{"POST", "/v1/clients/" + bigID + "/secret", ""},
		{"DELETE", "/v1/clients/" + bigID, ""},
		{"POST", "/v1/keys", `{"name":"x"}`},
		{"PATCH", "/v1/keys/signer", `{"secret":"a-secret-i-know"}`},
		{"POST", "/v1/keys/signer/rotate", ""},
		{"DELETE", "/v1/keys/signer", ""},
		{"GET", "/v1/users", ""},
		{"POST", "/v1/users", `{"name":"x","password":"xxxxxxxx","roles":["admin","api_user"]}`},
		{"GET", "/v1/audit", ""},
	} {
		if w := o.API(tc.method, tc.path, token, tc.body); w.Code != 403 {
			t.Errorf("%s %s %s: %d %s", tc.method, tc.path, tc.body, w.Code, w.Body)
		}
	}
	if w := o.API("GET", "/v1/keys/signer", token, ""); w.Code != 200 || strings.Contains(w.Body.String(), jwtSecret) {
		t.Errorf("a key's secret, to who may not run flows: %d %s", w.Code, w.Body)
	}
	if w := o.API("POST", "/v1/clients", token, `{"name":"x","scopes":["runs:read:69"]}`); w.Code != 201 {
		t.Errorf("what it holds itself: %d %s", w.Code, w.Body)
	}
	// users:admin alone makes no administrators either.
	o.root("POST", "/v1/clients", `{"name":"hr","scopes":["users:admin"],"secret":"the-secret-of-hr"}`, 201)
	all, err := o.store.Clients().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hr := all[slices.IndexFunc(all, func(c *store.Client) bool { return c.Name == "hr" })].Identifier
	token = bearer(o.token(o.form("/oauth2/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", basic(hr, "the-secret-of-hr"))))
	for method, body := range map[string]string{"POST": `{"name":"x","password":"xxxxxxxx","roles":["admin"]}`, "PATCH": `{"password":"i-am-root-now"}`, "DELETE": ""} {
		path := "/v1/users"
		if method != "POST" {
			path += "/root"
		}
		if w := o.API(method, path, token, body); w.Code != 403 {
			t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
	}
}

// A key that acts as an administrator has no administrative scopes.
func TestAttackImpersonatingAnAdmin(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	w := o.integrify(o.signed(claims{"sub": "root"}))
	if o.object(w)["scope"] != "flows:run runs:read" {
		t.Errorf("scopes %s", w.Body)
	}
	token := bearer(o.token(w))
	for _, path := range []string{"/v1/users", "/v1/keys", "/v1/clients", "/v1/audit", "/v1/secrets"} {
		if w := o.API("GET", path, token, ""); w.Code != 403 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	o.wantOAuthError("an admin scope", o.form("/oauth2/token", url.Values{"grant_type": {jwtBearer}, "assertion": {o.signed(claims{"sub": "root"})}, "scope": {"users:admin"}}), 400, "invalid_scope")
}

// A caller with only the API role has no access to any administrative object.
func TestAttackObjectsOfOthers(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	anns := []string{bearer(o.annsToken()), basic("ann", annsPassword), bearer(o.token(o.integrify(o.signed(nil)))), bearer(o.manualToken())}
	for _, authorization := range anns {
		for _, object := range []string{
			"GET /v1/users", "GET /v1/users/ann", "PATCH /v1/users/ann", "DELETE /v1/users/root", "POST /v1/users",
			"GET /v1/keys", "GET /v1/keys/signer", "PATCH /v1/keys/signer", "DELETE /v1/keys/signer", "POST /v1/keys", "POST /v1/keys/signer/rotate",
			"GET /v1/clients", "GET /v1/clients/client-crm", "PATCH /v1/clients/client-crm", "DELETE /v1/clients/client-crm", "POST /v1/clients",
			"POST /v1/clients/client-crm/assertion", "POST /v1/clients/client-crm/token", "POST /v1/clients/client-crm/secret",
			"GET /v1/secrets", "PUT /v1/secrets/x", "DELETE /v1/secrets/x", "POST /v1/secrets/x/test", "GET /v1/vars", "PUT /v1/vars/x", "DELETE /v1/vars/x", "GET /v1/connections", "GET /v1/connections/x", "PUT /v1/connections/x",
			"DELETE /v1/connections/x", "GET /v1/signing-keys", "POST /v1/signing-keys", "DELETE /v1/signing-keys/x", "GET /v1/audit", "POST /v1/auth/explain",
		} {
			method, path, _ := strings.Cut(object, " ")
			if w := o.API(method, path, authorization, ""); w.Code != 403 {
				t.Errorf("%s: %d %s", object, w.Code, w.Body)
			}
		}
	}
	o.run(basic("root", rootsPassword))
	if w := o.API("GET", "/v1/runs/"+apitest.RunID(0), anns[0], ""); w.Code != 404 {
		t.Errorf("the run of another: %d %s", w.Code, w.Body)
	}
}

// newLimitedAPI returns an authAPI whose token endpoints accept three requests a minute from an address.
func newLimitedAPI(t *testing.T, change ...func(*api.Config)) *authAPI {
	t.Helper()
	limiter, err := limits.New(limits.Config{
		Redis:      credentialsRedis(t),
		IP:         limits.Rates{"token": {Limit: 3, Window: time.Minute}, "api": {Limit: 3, Window: time.Minute}},
		Credential: limits.Rates{"runs": {Limit: 2, Window: time.Minute}, "execute": {Limit: 2, Window: time.Minute}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return newAuthAPI(t, append(change, func(c *api.Config) { c.Limiter = limiter })...)
}

func TestLimits(t *testing.T) {
	t.Parallel()
	o := newLimitedAPI(t)
	token := func(path string) *httptest.ResponseRecorder { return o.form(path, passwordForm) }
	first := token("/token")
	if h := first.Header(); first.Code != 200 || h.Get("RateLimit-Policy") != `"address";q=3;w=60` || !strings.HasPrefix(h.Get("RateLimit"), `"address";r=2;t=`) {
		t.Errorf("%d %v", first.Code, h)
	}
	token("/appservices/token") // the same endpoint
	bearerToken := bearer(o.token(token("/token")))
	w := token("/token")
	o.wantOAuthError("the fourth", w, 429, "slow_down")
	if after := w.Header().Get("Retry-After"); after == "" || after == "0" {
		t.Errorf("Retry-After %q", after)
	}
	for _, want := range []int{200, 200, 429} {
		w := o.run(bearerToken)
		if w.Code != want {
			t.Errorf("a run: %d, want %d", w.Code, want)
		}
		if h := w.Header(); !strings.HasPrefix(h.Get("RateLimit"), `"credential";`) || (want == 429) != (h.Get("Retry-After") != "") {
			t.Errorf("%d: %v", w.Code, h)
		}
	}
	if _, err := o.store.Keys().Put(t.Context(), store.Key{Key: apitest.KeyID, Secret: apitest.KeySecret, APIAccess: true, Rate: "1/h"}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{200, 429} {
		if w := o.Call(apitest.Call{Params: map[string]string{"ts": fmt.Sprint(apitest.Epoch.Unix() + int64(i))}}); w.Code != want {
			t.Errorf("the key: %d, want %d: %s", w.Code, want, w.Body)
		}
	}
}

func TestAttackForwardedForSpoofing(t *testing.T) {
	t.Parallel()
	o := newLimitedAPI(t)
	spoof := func(n int) *httptest.ResponseRecorder {
		return o.form("/token", passwordForm, "X-Forwarded-For", fmt.Sprintf("203.0.113.%d", n), "X-Real-IP", fmt.Sprintf("203.0.113.%d", n), "Forwarded", fmt.Sprintf("for=203.0.113.%d", n))
	}
	for n, want := range []int{200, 200, 200, 429, 429} {
		if w := spoof(n); w.Code != want {
			t.Errorf("request %d: %d, want %d", n, w.Code, want)
		}
	}
	// Behind a proxy that is trusted, the address that it adds counts, not
	// what the caller wrote before it.
	proxied := newLimitedAPI(t, func(c *api.Config) { c.TrustedProxies = []string{"192.0.2.1"} })
	for n, want := range []int{200, 200, 200, 429} {
		w := proxied.form("/token", passwordForm, "X-Forwarded-For", fmt.Sprintf("203.0.113.%d, 198.51.100.7", n))
		if w.Code != want {
			t.Errorf("request %d through a proxy: %d, want %d", n, w.Code, want)
		}
	}
}

func TestAttackBruteForce(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	for _, name := range []string{"ann", "nobody"} { // known or not, the same
		guess := func(password string) *httptest.ResponseRecorder {
			return o.form("/token", with(passwordForm, "username", name, "password", password))
		}
		for i := range 6 {
			o.wantOAuthError("guess", guess(fmt.Sprint("guess ", i)), 400, "invalid_grant")
		}
		w := guess(annsPassword)
		o.wantOAuthError("right, but too soon", w, 400, "invalid_grant")
		if w.Header().Get("Retry-After") != "1" {
			t.Errorf("%s: Retry-After %q", name, w.Header().Get("Retry-After"))
		}
		if w := o.run(basic(name, annsPassword)); w.Code != 429 || w.Header().Get("Retry-After") != "1" {
			t.Errorf("%s by Basic: %d %v", name, w.Code, w.Header())
		}
	}
	o.clock.pass(time.Second)
	w := o.form("/token", passwordForm)
	if w.Code != 200 {
		t.Errorf("after the wait: %d %s", w.Code, w.Body)
	}
	for i := range 40 { // from one address, names without end
		w = o.form("/token", with(passwordForm, "username", fmt.Sprint("name", i), "password", "x"))
	}
	o.wantOAuthError("too many from one address", w, 429, "slow_down")
}

func TestAttackHeaderInjection(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	const split = "x\r\nSet-Cookie: a=b"
	responses := []*httptest.ResponseRecorder{
		o.form("/token", with(passwordForm, "username", "x\r", "scope", "a\"b")),
		o.form("/oauth2/token", url.Values{"grant_type": {split}}),
		o.API("GET", "/v1/users/"+url.PathEscape(split), basic("root", rootsPassword), ""),
		o.API("PUT", "/v1/secrets/"+url.PathEscape(split), basic("root", rootsPassword), `{"value":"x"}`),
		o.API("GET", "/v1/users?page="+url.QueryEscape(split), basic("root", rootsPassword), ""),
		o.send(httptest.NewRequest("GET", "/v1/users", nil), "Authorization", basic("root", rootsPassword), "X-Request-Id", split),
		o.API("POST", "/v1/keys", basic("root", rootsPassword), `{"name":"x\r\nSet-Cookie: a=b"}`),
	}
	for i, w := range responses {
		for name, values := range w.Header() {
			for _, value := range values {
				if strings.ContainsAny(value, "\r\n") || strings.EqualFold(name, "Set-Cookie") {
					t.Errorf("response %d: %s: %q", i, name, value)
				}
			}
		}
	}
	for line := range strings.Lines(o.Log.String()) {
		if !strings.HasPrefix(line, "{") {
			t.Errorf("a line of the log was made by a caller: %s", line)
		}
	}
}

// No secret that this test sends or receives is stored in Redis or logged.
func TestAttackSecretsAtRest(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	a := o.assertion()
	secrets := map[string]string{
		"a user's password": annsPassword, "the administrator's": rootsPassword, "a key's secret": jwtSecret, "a client's secret": crmSecret,
		"an assertion": a, "an access token": o.annsToken(), "a client's token": o.token(o.ansira(a, "")), "a token acting as a user": o.token(o.integrify(o.signed(nil))),
		"a manual token": o.manualToken(), "a flow's secret": "a-flows-own-secret-value", "a guess": "guess-that-is-nearly-right", "a name that is a password": "password-in-the-wrong-field",
	}
	o.root("PUT", "/v1/secrets/hook", `{"value":"a-flows-own-secret-value"}`, 200)
	o.form("/token", with(passwordForm, "password", "guess-that-is-nearly-right"))
	o.form("/token", with(passwordForm, "username", "password-in-the-wrong-field"))
	o.form("/token?password=guess-that-is-nearly-right", passwordForm)
	o.run(basic("ann", annsPassword))
	o.form("/oauth/revoke", url.Values{"token": {secrets["a manual token"]}}, "Authorization", crmBasic)
	stored := dump(t, o.redis)
	if !strings.Contains(stored, "client-crm") {
		t.Fatal("the search does not see what is stored")
	}
	log := o.Log.String()
	for what, secret := range secrets {
		if strings.Contains(stored, secret) {
			t.Errorf("Redis holds %s", what)
		}
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %s", what)
		}
	}
}

// dump returns all keys and values of a Redis.
func dump(t *testing.T, client redis.UniversalClient) string {
	t.Helper()
	ctx := context.Background()
	keys, err := client.Keys(ctx, "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, key := range keys {
		fmt.Fprintln(&all, key)
		switch kind := client.Type(ctx, key).Val(); kind {
		case "string":
			fmt.Fprintln(&all, client.Get(ctx, key).Val())
		case "hash":
			fmt.Fprintln(&all, client.HGetAll(ctx, key).Val())
		case "list":
			fmt.Fprintln(&all, client.LRange(ctx, key, 0, -1).Val())
		case "zset":
			fmt.Fprintln(&all, client.ZRange(ctx, key, 0, -1).Val())
		case "stream":
			fmt.Fprintln(&all, client.XRange(ctx, key, "-", "+").Val())
		default:
			t.Fatalf("%s is a %s, which is not looked into", key, kind)
		}
	}
	return all.String()
}
