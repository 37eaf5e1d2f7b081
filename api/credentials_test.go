package api_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/personal"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

const issuer = "https://penstock.example.org"

// The credentials of an authAPI.
const (
	annsPassword  = "ann-has-a-password"
	rootsPassword = "root-has-a-password"
	jwtSecret     = "a-key-signs-with-this"
	crmSecret     = "the-secret-of-the-crm-client"
)

// authAPI is a FakeAPI with a real store: the users root (an administrator), ann (who may use the API) and guest
// (who may not), the key "signer", which may act as ann and guest, and the client crm.
type authAPI struct {
	*apitest.FakeAPI
	store *store.Store
	clock *clock
	redis redis.UniversalClient
}

// clock is a clock that only pass moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// credentialsRedis returns a Redis of the test's own: a Cluster for the tests that TestCredentialsOnACluster
// repeats, else a single server.
func credentialsRedis(t *testing.T) redis.UniversalClient {
	t.Helper()
	if !strings.HasPrefix(t.Name(), "TestCredentialsOnACluster/") {
		return testenv.Redis(t).Client()
	}
	conn, err := redisconn.Parse(testenv.Cluster(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	client := conn.Client()
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// newGuesses returns a guard whose waits pass by the clock now: how fast the test runs does not change what is refused.
func newGuard(t *testing.T, client redis.UniversalClient, now func() time.Time) *auth.BruteForceGuard {
	t.Helper()
	attempts, err := limits.NewAttempts(limits.AttemptsConfig{Redis: client, Key: []byte("a test's"), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return auth.NewBruteForceGuard(attempts)
}

func newAuthAPI(t *testing.T, change ...func(*api.Config)) *authAPI {
	t.Helper()
	client, clock := credentialsRedis(t), &clock{at: apitest.Epoch}
	sealer, err := store.NewSealer(store.NewMasterKey())
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Config{Redis: client, Sealer: sealer, Catalogue: flows.NewCatalogue(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	guesses := newGuard(t, client, clock.now)
	authority, err := auth.NewAuthority(auth.AuthorityConfig{Store: s, Hasher: apitest.Hasher(t), Guard: guesses, Issuer: issuer + "/", Personal: personal.New(client), Now: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	d := apitest.NewFakeAPI(t, append([]func(*api.Config){func(c *api.Config) {
		c.Keys, c.Authority, c.Store, c.Now = s.Keys(), authority, s, clock.now
	}}, change...)...)
	d.Sent = append(d.Sent, annsPassword, rootsPassword, jwtSecret, crmSecret)
	o := &authAPI{FakeAPI: d, store: s, clock: clock, redis: client}
	o.furnish()
	return o
}

func (o *authAPI) furnish() {
	o.T.Helper()
	ctx := o.T.Context()
	anns := apitest.Hash(o.T, annsPassword)
	for _, u := range []store.User{
		{Name: "root", Hash: apitest.Hash(o.T, rootsPassword), Roles: []store.Role{store.RoleAdmin, store.RoleAPIUser}},
		{Name: "ann", Hash: anns, Roles: []store.Role{store.RoleAPIUser}},
		{Name: "guest", Hash: anns, Roles: []store.Role{store.RoleViewer}},
		{Name: "gone", Hash: anns, Roles: []store.Role{store.RoleAPIUser}, Disabled: true},
	} {
		if _, err := o.store.Users().Create(ctx, u); err != nil {
			o.T.Fatal(err)
		}
	}
	for _, k := range []store.Key{
		{Key: apitest.KeyID, Name: "crm", Secret: apitest.KeySecret, APIAccess: true, Flows: []int64{69, 70}},
		{Key: "signer", Name: "signer", Secret: jwtSecret, APIAccess: true, Flows: []int64{69}, Impersonate: []string{"ann", "guest", "gone", "root", "nobody"}},
	} {
		if _, err := o.store.Keys().Create(ctx, k); err != nil {
			o.T.Fatal(err)
		}
	}
	_, err := o.store.Clients().Create(ctx, store.Client{
		Identifier: "client-crm", Name: "CRM", Hash: apitest.Hash(o.T, crmSecret), Scopes: []string{"flows:run:69", "runs:read"},
		TimeZone: "America/Denver", Expires: "2026-11-30",
	})
	if err != nil {
		o.T.Fatal(err)
	}
}

// form posts a form; header has pairs of name and value.
func (o *authAPI) form(path string, values url.Values, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return o.send(r, header...)
}

// API calls the API with an optional JSON body.
func (o *authAPI) API(method, path, authorization, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return o.send(r)
}

func (o *authAPI) send(r *http.Request, header ...string) *httptest.ResponseRecorder {
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return o.Do(r)
}

// root calls the API as the administrator and checks the status.
func (o *authAPI) root(method, path, body string, status int) map[string]any {
	o.T.Helper()
	w := o.API(method, path, basic("root", rootsPassword), body)
	if w.Code != status {
		o.T.Fatalf("%s %s: %d %s, want %d", method, path, w.Code, w.Body, status)
	}
	if w.Body.Len() == 0 {
		return nil
	}
	return o.object(w)
}

func (o *authAPI) object(w *httptest.ResponseRecorder) map[string]any {
	o.T.Helper()
	var body map[string]any
	dec := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
	dec.UseNumber()
	if err := dec.Decode(&body); err != nil {
		o.T.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return body
}

// wantOAuthError checks an error in the format of RFC 6749 section 5.2.
func (o *authAPI) wantOAuthError(what string, w *httptest.ResponseRecorder, status int, code string) {
	o.T.Helper()
	body := o.object(w)
	if w.Code != status || body["error"] != code || body["error_description"] == "" || len(body) != 2 {
		o.T.Errorf("%s: %d %v, want %d %s", what, w.Code, body, status, code)
	}
	if h := w.Header(); h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" || h.Get("Pragma") != "no-cache" {
		o.T.Errorf("%s: header %v", what, h)
	}
}

// token returns the access token in a response.
func (o *authAPI) token(w *httptest.ResponseRecorder) string {
	o.T.Helper()
	text, _ := o.object(w)["access_token"].(string)
	if w.Code != http.StatusOK || text == "" {
		o.T.Fatalf("no token: %d %s", w.Code, w.Body)
	}
	o.Hide(text)
	return text
}

// annsToken returns a token of ann by the password grant.
func (o *authAPI) annsToken() string {
	o.T.Helper()
	return o.token(o.form("/token", url.Values{"grant_type": {"password"}, "username": {"ann"}, "password": {annsPassword}}))
}

// run runs flow 69 and returns the response.
func (o *authAPI) run(authorization string) *httptest.ResponseRecorder {
	return o.API(http.MethodPost, "/v1/flows/69/runs", authorization, `{}`)
}

func basic(name, secret string) string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(name, secret)
	return r.Header.Get("Authorization")
}

// Basic without padding is accepted from users and from clients, at the API and at the endpoints of OAuth.
func TestBasicWithoutPadding(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	for name, of := range map[string]func(string) string{
		"no padding": func(h string) string { return strings.TrimRight(h, "=") },
		"lower case": func(h string) string { return strings.Replace(h, "Basic ", "basic   ", 1) },
	} {
		anns, client := of(basic("ann", annsPassword)), of(crmBasic)
		if !strings.HasSuffix(basic("ann", annsPassword), "=") {
			t.Fatal("the credentials need no padding: the test shows nothing")
		}
		if w := o.run(anns); w.Code != http.StatusOK {
			t.Errorf("%s: a user: %d %s", name, w.Code, w.Body)
		}
		o.token(o.form("/oauth2/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", client))
		if w := o.form("/oauth/introspect", url.Values{"token": {"x"}}, "Authorization", client); w.Code != http.StatusOK {
			t.Errorf("%s: introspection: %d %s", name, w.Code, w.Body)
		}
	}
}

func bearer(token string) string { return "Bearer " + token }

// The same tests on a Redis Cluster, where the keys of each operation must be in one slot.
func TestCredentialsOnACluster(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*testing.T){
		"JWT":            TestIntegrifyRefuses,
		"assertions":     TestAnsiraInvalidation,
		"introspection":  TestIntrospection,
		"administration": TestAuditLog,
		"limits":         TestLimits,
		"back-off":       TestAttackBruteForce,
	} {
		t.Run(name, test)
	}
}
