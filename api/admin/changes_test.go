package admin

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

// A change sets the members that were sent and keeps the others, in the response and in the store.
func TestChangesOfUsers(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	w := o.call(http.MethodPost, "/v1/users", `{"name":"ann","password":"anns-password","roles":["operator"],"email":"ann@example.org","refresh_tokens":true}`, auth.Scopes...)
	made := decode[userView](t, w, http.StatusCreated)
	if made.Name != "ann" || !slices.Equal(made.Roles, []store.Role{store.RoleOperator}) || made.Disabled || !made.Refresh || w.Header().Get("Location") != "/v1/users/ann" {
		t.Errorf("%+v, %v", made, w.Header())
	}
	if strings.Contains(w.Body.String(), "anns-password") || strings.Contains(w.Body.String(), "argon2") {
		t.Errorf("the response shows the password: %s", w.Body)
	}
	before, err := o.store.Users().User(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	changed := decode[userView](t, o.call(http.MethodPatch, "/v1/users/ann", `{"disabled":true,"first_name":"Ann","name":"ann"}`, auth.Scopes...), http.StatusOK)
	after, err := o.store.Users().User(t.Context(), "ann")
	if err != nil || !after.Disabled || after.FirstName != "Ann" || after.Hash != before.Hash || after.Email != "ann@example.org" || !slices.Equal(after.Roles, before.Roles) || !after.RefreshTokens {
		t.Errorf("stored %+v, %v", after, err)
	}
	if !changed.Disabled || changed.FirstName != "Ann" || changed.Email != "ann@example.org" {
		t.Errorf("shown %+v", changed)
	}
	decode[userView](t, o.call(http.MethodPatch, "/v1/users/ann", `{"password":"another-password","email":null}`, auth.Scopes...), http.StatusOK)
	if after, err = o.store.Users().User(t.Context(), "ann"); err != nil || after.Hash == before.Hash || strings.Contains(after.Hash, "another-password") || after.Email != "" || !after.Disabled {
		t.Errorf("stored %+v, %v", after, err)
	}
}

// Scopes that no deployed flow asks for are rejected, unless the holder has them already: a flow may have been removed.
func TestScopesThatNoFlowAsksFor(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, err1 := o.store.Users().Create(t.Context(), store.User{Name: "ann", Hash: "none", Scopes: []string{"people:read"}})
	_, err2 := o.store.Keys().Create(t.Context(), store.Key{Key: "old", Scopes: []string{"people:read"}})
	_, err3 := o.store.Clients().Create(t.Context(), store.Client{Identifier: "client-old", Name: "old", Hash: "none", Scopes: []string{"people:read"}, Expires: "2999-12-31"})
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	for _, path := range []string{"/v1/users/ann", "/v1/keys/old", "/v1/clients/client-old"} {
		for body, want := range map[string]int{
			`{"scopes":["people:read"]}`: http.StatusOK, `{"scopes":["people:write"]}`: http.StatusBadRequest, `{"scopes":["people:read","people:write"]}`: http.StatusBadRequest,
		} {
			if w := o.call(http.MethodPatch, path, body, auth.Scopes...); w.Code != want || want != http.StatusOK && !strings.Contains(w.Body.String(), "people:write") {
				t.Errorf("%s %s: %d %s, want %d", path, body, w.Code, w.Body, want)
			}
		}
		if w := o.call(http.MethodPatch, path, `{"scopes":[]}`, auth.Scopes...); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if w := o.call(http.MethodPatch, path, `{"scopes":["people:read"]}`, auth.Scopes...); w.Code != http.StatusBadRequest {
			t.Errorf("%s: a scope that was taken away comes back: %d %s", path, w.Code, w.Body)
		}
	}
}

// The flows of a secret bound who may use it: a new value keeps them, and only naming them changes them.
func TestFlowsOfASecret(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for _, step := range []struct {
		body string
		want []int64
	}{
		{`{"value":"one","flows":[69,70]}`, []int64{69, 70}},
		{`{"value":"two"}`, []int64{69, 70}},
		{`{"value":"three","flows":[71]}`, []int64{71}},
		{`{"value":"four","flows":[]}`, []int64{}},
	} {
		got := decode[secretView](t, o.call(http.MethodPut, "/v1/secrets/hook", step.body, auth.ScopeClients), http.StatusOK)
		stored, err := o.store.Secrets().Flows(t.Context(), "hook")
		if err != nil || !slices.Equal(got.Flows, step.want) || !slices.Equal(stored, step.want) {
			t.Errorf("%s: shown %v, stored %v, %v", step.body, got.Flows, stored, err)
		}
	}
	if v, err := o.store.Secrets().Secret(t.Context(), "hook"); err != nil || v != "four" {
		t.Errorf("%q, %v", v, err)
	}
	for n, want := range map[int]int{store.MaxSecret: http.StatusOK, store.MaxSecret + 1: http.StatusBadRequest} {
		if w := o.call(http.MethodPut, "/v1/secrets/hook", `{"value":"`+strings.Repeat("x", n)+`"}`, auth.ScopeClients); w.Code != want {
			t.Errorf("%d bytes: %d %s", n, w.Code, w.Body)
		}
	}
}

// A chosen secret of a key ends a rotation, and a generated one is in the response that makes it.
func TestSecretsOfKeys(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	w := o.call(http.MethodPost, "/v1/keys", `{"key":"new","flows":[69],"ts_window":60}`, auth.Scopes...)
	made := decode[keyView](t, w, http.StatusCreated)
	if len(made.Secret) < 16 || !made.APIAccess || !slices.Equal(made.Flows, []int64{69}) || made.Window != 60 || w.Header().Get("Location") != "/v1/keys/new" {
		t.Errorf("%+v, %v", made, w.Header())
	}
	decode[keyView](t, o.call(http.MethodPost, "/v1/keys/new/rotate", `{}`, auth.Scopes...), http.StatusOK)
	changed := o.call(http.MethodPatch, "/v1/keys/new", `{"secret":"chosen-by-hand"}`, auth.Scopes...)
	if changed.Code != http.StatusOK || strings.Contains(changed.Body.String(), "chosen-by-hand") {
		t.Errorf("%d %s", changed.Code, changed.Body)
	}
	k, err := o.store.Keys().Key(t.Context(), "new")
	if err != nil {
		t.Fatal(err)
	}
	if current, previous := k.Secrets(time.Now()); current != "chosen-by-hand" || previous != "" {
		t.Errorf("the secrets are %q and %q", current, previous)
	}
}

// The list of scopes says who holds each, through roles, as a key, and narrowed to a flow.
func TestHoldersOfScopes(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, err := o.store.Clients().Create(t.Context(), store.Client{Identifier: "client-narrow", Name: "narrow", Hash: "none", Scopes: []string{"flows:run:69", "of:a:later:version"}, Expires: "2999-12-31"})
	if err != nil {
		t.Fatal(err)
	}
	page := decode[struct{ Items []scopeView }](t, o.call(http.MethodGet, "/v1/scopes?page_size=200", "", auth.ScopeUsers), http.StatusOK)
	at := func(name auth.Scope) *scopeView {
		for i := range page.Items {
			if page.Items[i].Name == string(name) {
				return &page.Items[i]
			}
		}
		t.Fatalf("%s is not listed", name)
		return nil
	}
	if users := at(auth.ScopeUsers); !slices.Equal(users.Users, []string{"boss"}) || !slices.Equal(users.Clients, []string{"client-boss"}) || len(users.Keys) > 0 || users.Own {
		t.Errorf("%+v", users)
	}
	if run := at(auth.ScopeRun); !slices.Equal(run.Keys, []string{"crm"}) || !slices.Contains(run.Clients, "client-narrow") || slices.Contains(run.Clients, "client-none") {
		t.Errorf("%+v", run)
	}
}
