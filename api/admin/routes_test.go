package admin

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/keyusage"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/password"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// office are the routes with a store, for the principal of each call.
type office struct {
	t         *testing.T
	engine    *gin.Engine
	store     *store.Store
	redis     *redis.Client
	principal *auth.Principal
	usage     *switchedUsage
	accept    string // header Accept; empty: none
}

// switchedUsage is a KeyUsage that a test may set while the routes are mounted; nil: a key was not used.
type switchedUsage struct{ KeyUsage }

func (u *switchedUsage) Use(ctx context.Context, k *store.Key) (keyusage.Use, error) {
	if u.KeyUsage == nil {
		return keyusage.Use{}, nil
	}
	return u.KeyUsage.Use(ctx, k)
}

const officeSecret = "a-secret-of-the-office"

func newOffice(t *testing.T) *office {
	t.Helper()
	client := testenv.Redis(t).Client()
	sealer, err := store.NewSealer(store.NewMasterKey())
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Config{Redis: client, Sealer: sealer, Catalogue: flows.NewCatalogue(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	hasher, err := password.NewHasher(2)
	if err != nil {
		t.Fatal(err)
	}
	attempts, err := limits.NewAttempts(limits.AttemptsConfig{Redis: client, Key: []byte("a test's")})
	if err != nil {
		t.Fatal(err)
	}
	authority, err := auth.NewAuthority(auth.AuthorityConfig{Store: s, Hasher: hasher, Guard: auth.NewBruteForceGuard(attempts), Issuer: "https://penstock.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	o := &office{t: t, engine: gin.New(), store: s, redis: client, usage: &switchedUsage{}}
	frame := &httpx.Frame{Now: time.Now, MaxBody: 1 << 20}
	v1 := o.engine.Group("/v1", func(c *gin.Context) { frame.Begin(c).Principal = o.principal }, httpx.RequestID, httpx.LimitBody)
	Mount(v1, Config{Store: s, Authority: authority, KeyUsage: o.usage})
	hash, err := authority.Hash(t.Context(), officeSecret)
	if err != nil {
		t.Fatal(err)
	}
	_, err1 := s.Users().Create(t.Context(), store.User{Name: "boss", Hash: hash, Roles: []store.Role{store.RoleAdmin}})
	_, err2 := s.Users().Create(t.Context(), store.User{Name: "guest", Hash: hash})
	_, err3 := s.Keys().Create(t.Context(), store.Key{Key: "crm", Secret: officeSecret, APIAccess: true})
	_, err4 := s.Clients().Create(t.Context(), store.Client{Identifier: "client-boss", Name: "boss", Hash: hash, Scopes: auth.Strings(auth.Scopes), Expires: "2999-12-31"})
	_, err5 := s.Clients().Create(t.Context(), store.Client{Identifier: "client-none", Name: "none", Hash: hash, Expires: "2999-12-31"})
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil || err5 != nil {
		t.Fatal(err1, err2, err3, err4, err5)
	}
	return o
}

// call sends a request by a principal with these scopes.
func (o *office) call(method, path, body string, scopes ...auth.Scope) *httptest.ResponseRecorder {
	o.t.Helper()
	return o.callBy(&auth.Principal{Kind: auth.KindClient, ID: "client-x", Scopes: scopes}, method, path, body)
}

func (o *office) callBy(p *auth.Principal, method, path, body string) *httptest.ResponseRecorder {
	o.t.Helper()
	o.principal = p
	r := httptest.NewRequestWithContext(o.t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if o.accept != "" {
		r.Header.Set("Accept", o.accept)
	}
	w := httptest.NewRecorder()
	o.engine.ServeHTTP(w, r)
	return w
}

// records returns the stored principals, to see whether a request has changed any.
func (o *office) records() map[string]string {
	o.t.Helper()
	all := map[string]string{}
	for _, kind := range []string{"users", "keys", "clients", "epochs", "secrets", "vars", "connections", "signing"} {
		for name, value := range o.redis.HGetAll(o.t.Context(), "penstock:{store}:"+kind).Val() {
			all[kind+" "+name] = value
		}
	}
	if len(all) < 5 {
		o.t.Fatalf("records %v", all)
	}
	return all
}

// scopesOfRoutes are the scopes of which each route requires one, written out. A new route needs a line.
var scopesOfRoutes = map[string][]auth.Scope{ // read only
	"POST /v1/users": {auth.ScopeUsers}, "GET /v1/users": {auth.ScopeUsers}, "GET /v1/users/:name": {auth.ScopeUsers},
	"PATCH /v1/users/:name": {auth.ScopeUsers}, "DELETE /v1/users/:name": {auth.ScopeUsers}, "GET /v1/audit": {auth.ScopeUsers},
	"GET /v1/audit/export": {auth.ScopeUsers}, "GET /v1/audit/state": {auth.ScopeUsers}, "GET /v1/audit/verify": {auth.ScopeUsers}, "GET /v1/audit/:entry": {auth.ScopeUsers},
	"POST /v1/keys": {auth.ScopeClients}, "GET /v1/keys": {auth.ScopeClients}, "GET /v1/keys/:key": {auth.ScopeClients},
	"PATCH /v1/keys/:key": {auth.ScopeClients}, "DELETE /v1/keys/:key": {auth.ScopeClients}, "POST /v1/keys/:key/rotate": {auth.ScopeClients},
	"POST /v1/clients": {auth.ScopeClients}, "GET /v1/clients": {auth.ScopeClients}, "GET /v1/clients/:identifier": {auth.ScopeClients},
	"PATCH /v1/clients/:identifier": {auth.ScopeClients}, "DELETE /v1/clients/:identifier": {auth.ScopeClients},
	"POST /v1/clients/:identifier/assertion": {auth.ScopeClients}, "POST /v1/clients/:identifier/token": {auth.ScopeClients}, "POST /v1/clients/:identifier/secret": {auth.ScopeClients},
	"GET /v1/signing-keys": {auth.ScopeClients}, "POST /v1/signing-keys": {auth.ScopeClients}, "DELETE /v1/signing-keys/:kid": {auth.ScopeClients},
	"GET /v1/secrets": {auth.ScopeClients}, "PUT /v1/secrets/:name": {auth.ScopeClients}, "DELETE /v1/secrets/:name": {auth.ScopeClients}, "POST /v1/secrets/:name/test": {auth.ScopeClients},
	"GET /v1/vars": {auth.ScopeClients}, "PUT /v1/vars/:name": {auth.ScopeClients}, "DELETE /v1/vars/:name": {auth.ScopeClients},
	"GET /v1/connections": {auth.ScopeClients}, "GET /v1/connections/:name": {auth.ScopeClients}, "PUT /v1/connections/:name": {auth.ScopeClients}, "DELETE /v1/connections/:name": {auth.ScopeClients},
	"GET /v1/scopes": {auth.ScopeClients, auth.ScopeUsers}, "POST /v1/auth/explain": {auth.ScopeClients},
}

// Each route is closed to principals without its scope, whatever else they hold, and nothing is changed by them.
func TestScopesOfRoutes(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	before := o.records()
	fill := strings.NewReplacer(":name", "guest", ":key", "crm", ":identifier", "client-none", ":kid", "x")
	routes := 0
	for _, r := range o.engine.Routes() {
		routes++
		required := scopesOfRoutes[r.Method+" "+r.Path]
		if required == nil {
			t.Errorf("%s %s: nothing says who may call it", r.Method, r.Path)
		}
		others := slices.DeleteFunc(slices.Clone(auth.Scopes), func(s auth.Scope) bool { return slices.Contains(required, s) })
		for name, scopes := range map[string][]auth.Scope{
			"nothing": nil, "all but the scope": others, "a similar scope": {required[0] + "s", "clients", "users", "*"}, "one of an installation": {"people:admin"},
		} {
			w := o.call(r.Method, fill.Replace(r.Path), `{}`, scopes...)
			if w.Code != http.StatusForbidden || !strings.Contains(w.Header().Get("WWW-Authenticate"), `error="insufficient_scope"`) {
				t.Errorf("%s %s with %s: %d %s", r.Method, r.Path, name, w.Code, w.Body)
			}
		}
		if r.Method == http.MethodGet {
			for _, scope := range required {
				if w := o.call(r.Method, fill.Replace(r.Path), "", scope); w.Code == http.StatusForbidden || w.Code >= http.StatusInternalServerError {
					t.Errorf("%s %s with %s: %d %s", r.Method, r.Path, scope, w.Code, w.Body)
				}
			}
		}
	}
	if routes != len(scopesOfRoutes) {
		t.Errorf("%d routes, %d in the table", routes, len(scopesOfRoutes))
	}
	if !maps.Equal(before, o.records()) {
		t.Error("a request without its scope has changed a record")
	}
}

// An administrator of one kind of thing does not get, or take away, more than it holds itself: each of these ways ends
// in 403, and nothing is changed.
func TestEscalations(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	before := o.records()
	users, clients := []auth.Scope{auth.ScopeUsers}, []auth.Scope{auth.ScopeClients}
	for _, tc := range []struct {
		scopes             []auth.Scope
		method, path, body string
	}{
		{users, "POST", "/v1/users", `{"name":"eve","password":"eves-password","roles":["admin"]}`},
		{users, "POST", "/v1/users", `{"name":"eve","password":"eves-password","roles":["operator"]}`},
		{users, "POST", "/v1/users", `{"name":"eve","password":"eves-password","roles":["api_user"]}`},
		{users, "PATCH", "/v1/users/guest", `{"roles":["admin"]}`},
		{users, "PATCH", "/v1/users/boss", `{"password":"eves-password"}`},
		{users, "PATCH", "/v1/users/boss", `{"disabled":true}`},
		{users, "PATCH", "/v1/users/boss", `{"roles":[]}`},
		{users, "PATCH", "/v1/users/boss", `{"email":"eve@example.org"}`},
		{users, "DELETE", "/v1/users/boss", ``},
		{append(users, auth.ScopeReadFlows, auth.ScopeReadRuns), "POST", "/v1/users", `{"name":"eve","password":"eves-password","roles":["viewer"]}`},
		{clients, "POST", "/v1/clients", `{"name":"eve","scopes":["users:admin"]}`},
		{clients, "POST", "/v1/clients", `{"name":"eve","scopes":["flows:run:69"]}`},
		{append(clients, "flows:run:69"), "POST", "/v1/clients", `{"name":"eve","scopes":["flows:run"]}`},
		{append(clients, "flows:run:69"), "POST", "/v1/clients", `{"name":"eve","scopes":["flows:run:70"]}`},
		{clients, "PATCH", "/v1/clients/client-none", `{"scopes":["users:admin"]}`},
		{clients, "PATCH", "/v1/clients/client-boss", `{"scopes":[]}`},
		{clients, "PATCH", "/v1/clients/client-boss", `{"name":"eve"}`},
		{clients, "POST", "/v1/clients/client-boss/secret", `{}`},
		{clients, "POST", "/v1/clients/client-boss/secret", `{"secret":"a-secret-of-eve-only"}`},
		{clients, "POST", "/v1/clients/client-boss/assertion", ``},
		{clients, "POST", "/v1/clients/client-boss/token", ``},
		{clients, "DELETE", "/v1/clients/client-boss", ``},
		{clients, "POST", "/v1/keys", `{"key":"eve"}`},
		{append(clients, auth.ScopeRun), "POST", "/v1/keys", `{"key":"eve"}`},
		{clients, "PATCH", "/v1/keys/crm", `{"secret":"a-secret-of-eve"}`},
		{clients, "PATCH", "/v1/keys/crm", `{"impersonate":["boss"]}`},
		{clients, "POST", "/v1/keys/crm/rotate", `{}`},
	} {
		if w := o.call(tc.method, tc.path, tc.body, tc.scopes...); w.Code != http.StatusForbidden {
			t.Errorf("%v: %s %s %s: %d %s", tc.scopes, tc.method, tc.path, tc.body, w.Code, w.Body)
		}
	}
	bounded := &auth.Principal{Kind: auth.KindUser, ID: "x", Scopes: auth.Scopes, Flows: []int64{69}} // by a key for one flow
	for _, call := range [][3]string{
		{"POST", "/v1/users", `{"name":"eve","password":"eves-password","roles":["api_user"]}`},
		{"POST", "/v1/clients", `{"name":"eve","scopes":["flows:run:69"]}`},
		{"POST", "/v1/clients/client-none/token", ``},
		{"POST", "/v1/keys", `{"key":"eve","flows":[69]}`},
	} {
		if w := o.callBy(bounded, call[0], call[1], call[2]); w.Code != http.StatusForbidden {
			t.Errorf("a principal of one flow: %v: %d %s", call, w.Code, w.Body)
		}
	}
	if !maps.Equal(before, o.records()) {
		t.Error("a refused request has changed a record")
	}
	for path, scope := range map[string]auth.Scope{"/v1/keys/crm": auth.ScopeClients, "/v1/keys": auth.ScopeClients, "/v1/clients/client-boss": auth.ScopeClients, "/v1/users/boss": auth.ScopeUsers} {
		if w := o.call("GET", path, "", scope); w.Code != http.StatusOK || strings.Contains(w.Body.String(), officeSecret) || strings.Contains(w.Body.String(), "argon2") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// Secrets are in the response that makes them only, and hashes in none.
func TestSecretsAreShownOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	made := o.call("POST", "/v1/clients", `{"name":"new","scopes":["flows:run"]}`, auth.Scopes...)
	var client struct{ Identifier, Secret string }
	if err := json.Unmarshal(made.Body.Bytes(), &client); err != nil || made.Code != http.StatusCreated || len(client.Secret) < 26 {
		t.Fatalf("%d %s", made.Code, made.Body)
	}
	again := o.call("POST", "/v1/clients/"+client.Identifier+"/secret", `{}`, auth.Scopes...)
	var next struct{ Secret string }
	if err := json.Unmarshal(again.Body.Bytes(), &next); err != nil || next.Secret == client.Secret || len(next.Secret) < 26 {
		t.Errorf("another secret: %d %s", again.Code, again.Body)
	}
	if w := o.call("PUT", "/v1/secrets/hook", `{"value":"`+officeSecret+`"}`, auth.Scopes...); w.Code != http.StatusOK {
		t.Errorf("secret: %d %s", w.Code, w.Body)
	}
	if w := o.call("PUT", "/v1/connections/crm", `{"type":"basic","hosts":["crm.example.org"],"settings":{"username":"u","password":"`+officeSecret+`"}}`, auth.Scopes...); w.Code != http.StatusOK || strings.Contains(w.Body.String(), officeSecret) {
		t.Errorf("connection: %d %s", w.Code, w.Body)
	}
	for _, path := range []string{
		"/v1/clients", "/v1/clients/" + client.Identifier, "/v1/users", "/v1/users/boss", "/v1/keys", "/v1/secrets", "/v1/connections", "/v1/connections/crm", "/v1/signing-keys", "/v1/audit", "/v1/scopes",
	} {
		w := o.call("GET", path, "", auth.Scopes...)
		for _, never := range []string{officeSecret, client.Secret, next.Secret, "argon2", `"hash"`, `"epoch"`} {
			if strings.Contains(w.Body.String(), never) {
				t.Errorf("%s shows %s", path, never)
			}
		}
		if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
}
