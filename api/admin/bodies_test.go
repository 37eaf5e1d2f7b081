package admin

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

// withoutBody are the routes that change something and read no body.
var withoutBody = []string{"/v1/clients/:identifier/assertion", "/v1/clients/:identifier/token", "/v1/secrets/:name/test", "/v1/signing-keys"} // read only

// Each route with a body rejects what is not one JSON object of its members, and changes nothing. A new route is covered.
func TestMalformedBodies(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	before, fill := o.records(), strings.NewReplacer(":name", "guest", ":key", "crm", ":identifier", "client-none")
	bodies := 0
	for _, r := range o.engine.Routes() {
		if r.Method == http.MethodGet || r.Method == http.MethodDelete || slices.Contains(withoutBody, r.Path) {
			continue
		}
		bodies++
		for _, tc := range []struct {
			body   string
			status int
		}{
			{`{"no_such_member":1}`, http.StatusBadRequest},
			{`{"name":"a","name":"b"}`, http.StatusBadRequest},
			{`{"name":"a"} {}`, http.StatusBadRequest},
			{`{"name":`, http.StatusBadRequest},
			{"{\"name\":\"\xff\"}", http.StatusBadRequest},
			{`[1]`, http.StatusBadRequest},
			{`"text"`, http.StatusBadRequest},
			{`{"name":"` + strings.Repeat("x", 1<<20) + `"}`, http.StatusRequestEntityTooLarge},
		} {
			if w := o.call(r.Method, fill.Replace(r.Path), tc.body, auth.Scopes...); w.Code != tc.status {
				t.Errorf("%s %s %.30q: %d %s, want %d", r.Method, r.Path, tc.body, w.Code, w.Body, tc.status)
			}
		}
	}
	if bodies < 10 {
		t.Errorf("%d routes with bodies", bodies)
	}
	if !maps.Equal(before, o.records()) {
		t.Error("a malformed body has changed a record")
	}
}

// Without Redis each change fails with a server error whose text says nothing of the server's inside.
func TestChangesWithoutRedis(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if err := o.redis.Close(); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer(":name", "guest", ":key", "crm", ":identifier", "client-none", ":kid", "x")
	for method, all := range map[string]map[string]string{
		http.MethodPost: {
			"/v1/users": `{"name":"eve","password":"eves-password"}`, "/v1/keys": `{"key":"eve"}`, "/v1/keys/:key/rotate": `{}`, "/v1/clients": `{"name":"eve"}`,
			"/v1/clients/:identifier/secret": `{}`, "/v1/clients/:identifier/token": "", "/v1/clients/:identifier/assertion": "", "/v1/signing-keys": "",
		},
		http.MethodPut:    {"/v1/secrets/:name": `{"value":"v"}`, "/v1/vars/:name": `{"value":"v"}`, "/v1/connections/:name": `{"type":"basic","hosts":["h.example.org"],"settings":{"username":"u","password":"p"}}`},
		http.MethodPatch:  {"/v1/users/:name": `{}`, "/v1/keys/:key": `{}`, "/v1/clients/:identifier": `{}`},
		http.MethodDelete: {"/v1/users/:name": "", "/v1/keys/:key": "", "/v1/clients/:identifier": "", "/v1/signing-keys/:kid": "", "/v1/secrets/:name": "", "/v1/vars/:name": "", "/v1/connections/:name": ""},
	} {
		for path, body := range all {
			w := o.call(method, fill.Replace(path), body, auth.Scopes...)
			if w.Code < http.StatusInternalServerError || strings.Contains(w.Body.String(), "redis") || strings.Contains(w.Body.String(), "closed") {
				t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
			}
		}
	}
}

// tester is a ConnectionTester that records its calls.
type tester struct {
	said  string
	err   error
	calls []string
	left  time.Duration // until the deadline of the last call
}

func (c *tester) Test(ctx context.Context, name, target string) (string, error) {
	c.calls = append(c.calls, name+" "+target)
	if end, bounded := ctx.Deadline(); bounded {
		c.left = time.Until(end)
	}
	return c.said, c.err
}

// A connection is tested by those who administer clients, within a limit, and only when it exists. A failure is a result.
func TestConnectionTests(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	const path = "/v1/connections/crm/test"
	if w := o.call(http.MethodPost, path, ``, auth.Scopes...); w.Code != http.StatusNotFound {
		t.Errorf("without a tester: %d", w.Code)
	}
	works := &tester{said: "200 OK"}
	frame := &httpx.Frame{Now: time.Now, MaxBody: 1 << 20}
	o.engine = gin.New()
	v1 := o.engine.Group("/v1", func(c *gin.Context) { frame.Begin(c).Principal = o.principal }, httpx.RequestID, httpx.LimitBody)
	Mount(v1, Config{Store: o.store, Connections: works})
	if w := o.call(http.MethodPost, path, ``, auth.Scopes...); w.Code != http.StatusNotFound || len(works.calls) > 0 {
		t.Errorf("no such connection: %d, %q", w.Code, works.calls)
	}
	_, err := o.store.Connections().Put(t.Context(), store.Connection{Name: "crm", Type: "basic", Hosts: []string{"crm.example.org"}, Settings: map[string]string{"username": "u", "password": officeSecret}})
	if err != nil {
		t.Fatal(err)
	}
	others := slices.DeleteFunc(slices.Clone(auth.Scopes), func(s auth.Scope) bool { return s == auth.ScopeClients })
	if w := o.call(http.MethodPost, path, ``, others...); w.Code != http.StatusForbidden || len(works.calls) > 0 {
		t.Errorf("without the scope: %d, %q", w.Code, works.calls)
	}
	for _, body := range []string{`{"url":1}`, `{"target":"https://crm.example.org"}`, `{`} {
		if w := o.call(http.MethodPost, path, body, auth.ScopeClients); w.Code != http.StatusBadRequest || len(works.calls) > 0 {
			t.Errorf("%s: %d, %q", body, w.Code, works.calls)
		}
	}
	if got := decode[resourceTest](t, o.call(http.MethodPost, path, ``, auth.ScopeClients), http.StatusOK); !got.Works || got.Message != "200 OK" {
		t.Errorf("%+v", got)
	}
	if works.left <= 0 || works.left > testLimit {
		t.Errorf("a test may take %v", works.left)
	}
	works.err = errors.New("401 Unauthorized")
	if got := decode[resourceTest](t, o.call(http.MethodPost, path, `{"url":"https://crm.example.org/me"}`, auth.ScopeClients), http.StatusOK); got.Works || got.Message != "401 Unauthorized" {
		t.Errorf("%+v", got)
	}
	if want := []string{"crm ", "crm https://crm.example.org/me"}; !slices.Equal(works.calls, want) {
		t.Errorf("calls %q", works.calls)
	}
}

// A body in another type than JSON is rejected before a route looks at it.
func TestOtherContentTypes(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.principal = &auth.Principal{Kind: auth.KindClient, ID: "client-x", Scopes: auth.Scopes}
	for contentType, want := range map[string]int{"": 415, "text/plain": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data; boundary=x": 415, "application/json": 201} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/users", strings.NewReader(`{"name":"eve","password":"eves-password"}`))
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		w := httptest.NewRecorder()
		if o.engine.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%q: %d %s, want %d", contentType, w.Code, w.Body, want)
		}
	}
}
