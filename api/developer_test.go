package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

const ordersFlow = `
slug: orders
trigger:
  http:
    get: /orders
    scopes: {"orders:read": Read orders}
    response: items
steps:
  - set: {id: 7}`

// developer is a product with the developer dora, who owns a client with a secret.
type developer struct {
	*apitest.Product
	client string
}

const clientSecret = "the secret of this client"

func newDeveloper(t *testing.T, change ...func(*api.Config)) *developer {
	t.Helper()
	d := &developer{Product: apitest.NewProduct(t, change...)}
	d.Deploy(1, ordersFlow)
	d.Deploy(2, "slug: others\ntrigger: webhook\nsteps:\n  - set: {a: 1}")
	d.ok(201, "POST", "/v1/users", `{"name":"dora","password":"`+apitest.Password+`","roles":["developer"],"scopes":["orders:read","flows:run:2"]}`)
	var made struct{ Identifier, Owner string }
	text := d.ok(201, "POST", "/v1/clients", `{"name":"CRM","owner":"dora","secret":"`+clientSecret+`","scopes":["orders:read","flows:run"],"assertion_expires_on":"2099-12-31"}`)
	apitest.Fatal(t, json.Unmarshal([]byte(text), &made))
	if made.Owner != "dora" {
		t.Fatalf("made %s", text)
	}
	d.client = made.Identifier
	return d
}

// ok sends a request as the administrator, and returns the body.
func (d *developer) ok(status int, method, path, body string) string {
	d.T.Helper()
	reply := d.Send(d.Request(method, path, "ann", body))
	if reply.StatusCode != status {
		d.T.Fatalf("%s %s: %d %s", method, path, reply.StatusCode, reply.Text)
	}
	return reply.Text
}

// token asks for a token of the client; "" when it is refused.
func (d *developer) token() (token, scopes string) {
	d.T.Helper()
	r := d.Request("POST", "/oauth2/token", "", url.Values{"grant_type": {"client_credentials"}}.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(d.client, clientSecret)
	reply := d.Send(r)
	var got struct {
		AccessToken string `json:"access_token"`
		Scope       string
	}
	apitest.Fatal(d.T, json.Unmarshal([]byte(reply.Text), &got))
	return got.AccessToken, got.Scope
}

// calls reads the orders and runs flow 2 with a token, and returns the statuses.
func (d *developer) calls(token string) (orders, run int) {
	d.T.Helper()
	authorization := []string{"Authorization", "Bearer " + token}
	return d.Send(d.Request("GET", "/orders", "", "", authorization...)).StatusCode,
		d.Send(d.Request("POST", "/v1/flows/2/runs", "", "{}", authorization...)).StatusCode
}

// TestAClientOfADeveloper: what an administrator takes from the owner, the client and its tokens lose at once.
func TestAClientOfADeveloper(t *testing.T) {
	t.Parallel()
	d := newDeveloper(t)
	token, scopes := d.token()
	if scopes != "orders:read flows:run:2" && scopes != "flows:run:2 orders:read" {
		t.Errorf("the token has %q, want the scopes that both were granted", scopes)
	}
	if orders, run := d.calls(token); orders != 200 || run != 200 {
		t.Errorf("at first: %d, %d", orders, run)
	}
	if status := d.Send(d.Request("POST", "/v1/flows/1/runs", "", "{}", "Authorization", "Bearer "+token)).StatusCode; status != 404 {
		t.Errorf("a flow outside of the grant: %d", status)
	}
	for _, tc := range []struct{ what, change, scopes string }{
		{"the grant is narrowed", `{"scopes":["flows:run:2"]}`, "flows:run:2"},
		{"the owner is disabled", `{"disabled":true}`, ""},
		{"the owner is enabled", `{"disabled":false}`, "flows:run:2"},
		{"the owner is no developer", `{"roles":["api_user"],"scopes":[]}`, ""},
		{"the owner is one again", `{"roles":["developer"],"scopes":["orders:read"]}`, "orders:read"},
	} {
		d.ok(200, "PATCH", "/v1/users/dora", tc.change)
		if orders, run := d.calls(token); token != "" && tc.scopes != "orders:read" && (orders != 403 || run != 403) && !strings.Contains(tc.what, "enabled") {
			t.Errorf("%s: the earlier token: %d, %d", tc.what, orders, run)
		}
		if token, scopes = d.token(); scopes != tc.scopes || (token == "") != (tc.scopes == "") {
			t.Errorf("%s: the token has %q, want %q", tc.what, scopes, tc.scopes)
		}
	}
	d.ok(200, "PATCH", "/v1/users/dora", `{"scopes":["orders:read","flows:run:2"]}`)
	token, _ = d.token()
	d.ok(204, "DELETE", "/v1/users/dora", "")
	if orders, run := d.calls(token); orders != 403 || run != 403 {
		t.Errorf("the owner is deleted: the token: %d, %d", orders, run)
	}
	d.ok(404, "GET", "/v1/clients/"+d.client, "")
}

// TestADeveloperIsNoCallerOfTheAPI: the role opens the portal alone.
func TestADeveloperIsNoCallerOfTheAPI(t *testing.T) {
	t.Parallel()
	d := newDeveloper(t)
	for _, path := range []string{"/v1/flows", "/v1/runs", "/v1/users", "/v1/clients", "/v1/audit", "/v1/secrets", "/v1/scopes", "/orders"} {
		if reply := d.Send(d.Request("GET", path, "dora", "")); reply.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", path, reply.StatusCode, reply.Text)
		}
	}
	r := d.Request("POST", "/token", "", url.Values{"grant_type": {"password"}, "username": {"dora"}, "password": {apitest.Password}}.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if reply := d.Send(r); reply.StatusCode != http.StatusBadRequest {
		t.Errorf("a token for the password: %d %s", reply.StatusCode, reply.Text)
	}
}

func TestWhatDevelopersAreGranted(t *testing.T) {
	t.Parallel()
	d := newDeveloper(t)
	for _, body := range []string{
		`{"scopes":["users:admin"]}`, `{"scopes":["flows:read"]}`, `{"scopes":["flows:write:1"]}`, `{"scopes":["runs:write"]}`,
		`{"scopes":["unheard:of"]}`, `{"scopes":["flows:run:0"]}`, `{"roles":["viewer"]}`, // keeps flows:run:2, which is for developers
	} {
		d.ok(400, "PATCH", "/v1/users/dora", body)
	}
	d.ok(200, "PATCH", "/v1/users/dora", `{"scopes":["flows:run","runs:read:2","orders:read:1"]}`)
	d.ok(400, "PATCH", "/v1/users/ulf", `{"scopes":["flows:run:2"]}`)
	d.ok(400, "POST", "/v1/clients", `{"name":"CRM","owner":"ulf"}`)
	d.ok(400, "POST", "/v1/clients", `{"name":"CRM","owner":"nobody"}`)
	for i := range store.MaxOwned - 1 {
		d.ok(201, "POST", "/v1/clients", fmt.Sprintf(`{"name":"CRM %d","owner":"dora"}`, i))
	}
	d.ok(400, "POST", "/v1/clients", `{"name":"one too many","owner":"dora"}`)
	d.ok(200, "PATCH", "/v1/clients/"+d.client, `{"owner":""}`) // becomes the administrators'
	d.ok(201, "POST", "/v1/clients", `{"name":"again","owner":"dora"}`)
}

// TestServeAs: a call of a signed-in developer is held to what was granted, and to the idempotency of any call.
func TestServeAs(t *testing.T) {
	t.Parallel()
	d := newDeveloper(t)
	dora := &auth.Principal{Kind: auth.KindUser, ID: "dora", Name: "dora", Scopes: []auth.Scope{"orders:read", "flows:run:2"}}
	call := func(method, path, body, key string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if key != "" {
			r.Header.Set("Idempotency-Key", key)
		}
		w := httptest.NewRecorder()
		d.API.ServeAs(w, r, dora)
		return w
	}
	for path, want := range map[string]int{"/orders": 200, "/v1/flows": 403, "/v1/users": 403, "/v1/clients": 403, "/v1/audit": 403, "/v1/secrets": 403} {
		if w := call("GET", path, "", ""); w.Code != want {
			t.Errorf("GET %s: %d, want %d", path, w.Code, want)
		}
	}
	if w := call("POST", "/v1/flows/1/runs", "{}", ""); w.Code != 404 {
		t.Errorf("a flow that was not granted: %d", w.Code)
	}
	first, again := call("POST", "/v1/flows/2/runs", "{}", "once"), call("POST", "/v1/flows/2/runs", "{}", "once")
	if first.Code != 200 || again.Header().Get("Idempotent-Replayed") != "true" || again.Header().Get("Penstock-Run-Id") != first.Header().Get("Penstock-Run-Id") {
		t.Errorf("the same call twice: %d %v, %d %v", first.Code, first.Header(), again.Code, again.Header())
	}
	run, err := d.Queue.Record(t.Context(), first.Header().Get("Penstock-Run-Id"))
	if err != nil || run.Principal != "user:dora" {
		t.Errorf("the run is that of %+v, %v", run, err)
	}
}

// Calls of clients are counted with their statuses, those of others are not.
func TestCallsOfClientsAreCounted(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	counted := map[string][]int{}
	d := newDeveloper(t, func(c *api.Config) {
		c.CountCall = func(client string, status int) {
			mu.Lock()
			defer mu.Unlock()
			counted[client] = append(counted[client], status)
		}
	})
	token, _ := d.token()
	d.calls(token)
	d.Send(d.Request("GET", "/v1/users", "", "", "Authorization", "Bearer "+token))
	d.ok(200, "GET", "/v1/users", "")
	mu.Lock()
	defer mu.Unlock()
	if got := counted[d.client]; len(counted) != 1 || !slices.Equal(got, []int{200, 200, 403}) {
		t.Errorf("counted %v", counted)
	}
}
