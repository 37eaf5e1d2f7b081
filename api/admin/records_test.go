package admin

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/keyusage"
	"github.com/penstock/penstock/store"
)

// decode reads a response with this status.
func decode[T any](t *testing.T, w *httptest.ResponseRecorder, status int) (v T) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != status {
		t.Fatalf("%d %s, want %d: %v", w.Code, w.Body, status, err)
	}
	return v
}

// What is deleted is gone for every reader, and cannot be deleted twice.
func TestDeletedRecordsAreGone(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for path, body := range map[string]string{
		"/v1/secrets/hook":    `{"value":"the value of hook"}`,
		"/v1/vars/crm_url":    `{"value":{"eu":"https://eu.example.org"}}`,
		"/v1/connections/crm": `{"type":"basic","hosts":["crm.example.org"],"settings":{"username":"u","password":"p"}}`,
	} {
		if w := o.call(http.MethodPut, path, body, auth.Scopes...); w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for list, name := range map[string]string{"/v1/users": "guest", "/v1/keys": "crm", "/v1/clients": "client-none", "/v1/secrets": "hook", "/v1/vars": "crm_url", "/v1/connections": "crm"} {
		path := list + "/" + name
		if w := o.call(http.MethodDelete, path, "", auth.Scopes...); w.Code != http.StatusNoContent || w.Body.Len() > 0 {
			t.Errorf("delete %s: %d %s", path, w.Code, w.Body)
		}
		if w := o.call(http.MethodDelete, path, "", auth.Scopes...); w.Code != http.StatusNotFound {
			t.Errorf("delete %s again: %d %s", path, w.Code, w.Body)
		}
		if w := o.call(http.MethodGet, path, "", auth.Scopes...); w.Code != http.StatusNotFound && list != "/v1/secrets" && list != "/v1/vars" { // which have no page of one
			t.Errorf("read %s: %d %s", path, w.Code, w.Body)
		}
		if w := o.call(http.MethodGet, list, "", auth.Scopes...); strings.Contains(w.Body.String(), `"`+name+`"`) {
			t.Errorf("%s still lists %s: %s", list, name, w.Body)
		}
	}
}

// Whoever reads a key without being allowed to issue one does not see its secrets.
func TestKeySecretsAreForThoseWhoMayIssueIt(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if w := o.call(http.MethodGet, "/v1/keys/crm", "", auth.Scopes...); !strings.Contains(w.Body.String(), officeSecret) {
		t.Errorf("an administrator of everything: %s", w.Body)
	}
	for _, scopes := range [][]auth.Scope{{auth.ScopeClients}, {auth.ScopeClients, auth.ScopeRun}, {auth.ScopeClients, "flows:run:69", "runs:read:69"}} {
		if w := o.call(http.MethodGet, "/v1/keys/crm", "", scopes...); w.Code != http.StatusOK || strings.Contains(w.Body.String(), officeSecret) {
			t.Errorf("%v: %d %s", scopes, w.Code, w.Body)
		}
		if w := o.call(http.MethodDelete, "/v1/keys/crm", "", scopes...); w.Code != http.StatusForbidden {
			t.Errorf("%v: delete: %d", scopes, w.Code)
		}
	}
}

// usage is a KeyUsage with one answer.
type usage struct {
	use keyusage.Use
	err error
}

func (u *usage) Use(context.Context, *store.Key) (keyusage.Use, error) { return u.use, u.err }

// A rotation gives a new secret, keeps the old one for the overlap, and shows how often each is used.
func TestRotationOfAKey(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for _, body := range []string{`{"overlap_seconds":-1}`, `{"overlap_seconds":2592001}`, `{"overlap_seconds":"1d"}`, `{"overlap":60}`} {
		if w := o.call(http.MethodPost, "/v1/keys/crm/rotate", body, auth.Scopes...); w.Code < 400 || w.Code >= 500 {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	if w := o.call(http.MethodPost, "/v1/keys/none/rotate", `{}`, auth.Scopes...); w.Code != http.StatusNotFound {
		t.Errorf("no such key: %d", w.Code)
	}
	begun := time.Now()
	v := decode[keyView](t, o.call(http.MethodPost, "/v1/keys/crm/rotate", `{"overlap_seconds":3600}`, auth.Scopes...), http.StatusOK)
	if left := v.PreviousUntil.Sub(begun); v.Secret == "" || v.Secret == officeSecret || v.Previous != officeSecret || left < 59*time.Minute || left > 61*time.Minute {
		t.Errorf("after a rotation: %+v", v)
	}
	if w := o.call(http.MethodPost, "/v1/keys/crm/rotate", `{}`, auth.Scopes...); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "in_rotation") {
		t.Errorf("another rotation while the old secret counts: %d %s", w.Code, w.Body)
	}
	read := func(u *usage) *httptest.ResponseRecorder {
		o.usage.KeyUsage = u
		defer func() { o.usage.KeyUsage = nil }()
		return o.call(http.MethodGet, "/v1/keys/crm", "", auth.Scopes...)
	}
	counted := decode[keyView](t, read(&usage{use: keyusage.Use{Current: 3, Previous: 2, LastPrevious: begun}}), http.StatusOK)
	if counted.Use == nil || counted.Use.Current != 3 || counted.Use.Previous != 2 || !counted.Use.LastPrevious.Equal(begun) {
		t.Errorf("usage %+v", counted.Use)
	}
	if w := read(&usage{err: errors.New("dial tcp 10.0.0.1")}); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "10.0.0.1") || strings.Contains(w.Body.String(), officeSecret) {
		t.Errorf("without the counter's store: %d %s", w.Code, w.Body)
	}
	if w := o.call(http.MethodPost, "/v1/keys/crm/rotate", `{"overlap_seconds":0}`, auth.Scopes...); w.Code != http.StatusOK || strings.Contains(w.Body.String(), v.Secret) {
		t.Errorf("a rotation without an overlap keeps the secret: %d %s", w.Code, w.Body)
	}
	_ = decode[keyView](t, o.call(http.MethodPost, "/v1/keys/crm/rotate", `{}`, auth.Scopes...), http.StatusOK)
	if w := o.call(http.MethodPatch, "/v1/keys/crm", `{"previous_secret":"another"}`, auth.Scopes...); w.Code != http.StatusBadRequest {
		t.Errorf("an old secret that is set: %d %s", w.Code, w.Body)
	}
	if w := o.call(http.MethodPatch, "/v1/keys/crm", `{"previous_secret":null}`, auth.Scopes...); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "previous_secret") {
		t.Errorf("the end of an overlap: %d %s", w.Code, w.Body)
	}
	if w := read(&usage{use: keyusage.Use{Current: 1}}); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "secret_use") {
		t.Errorf("a key with one secret has usage: %d %s", w.Code, w.Body)
	}
}

// A new assertion makes the previous one invalid. Assertions and tokens are files, or JSON for programs.
func TestDownloads(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	header := func(w *httptest.ResponseRecorder, name string) string { return w.Header().Get(name) }
	file := o.call(http.MethodPost, "/v1/clients/client-none/assertion", "", auth.Scopes...)
	if file.Code != http.StatusCreated || header(file, "Content-Disposition") != `attachment; filename="client-none-assertion.txt"` ||
		header(file, "Content-Type") != "text/plain; charset=utf-8" || header(file, "Cache-Control") != "no-store" || strings.Count(file.Body.String(), ".") != 2 {
		t.Errorf("assertion: %d %v %s", file.Code, file.Header(), file.Body)
	}
	o.accept = "application/json"
	second := o.call(http.MethodPost, "/v1/clients/client-none/assertion", "", auth.Scopes...)
	made := decode[map[string]any](t, second, http.StatusCreated)
	text, _ := made["assertion"].(string)
	if text == "" || text == file.Body.String() || made["identifier"] != "client-none" || header(second, "Content-Disposition") != `attachment; filename="client-none-assertion.json"` {
		t.Errorf("assertion as JSON: %v %v", second.Header(), made)
	}
	c, err := o.store.Clients().Client(t.Context(), "client-none")
	if err != nil || c.Assertion == "" || c.AssertionAt.IsZero() {
		t.Errorf("the client is %+v, %v", c, err)
	}
	token := decode[map[string]any](t, o.call(http.MethodPost, "/v1/clients/client-boss/token", "", auth.Scopes...), http.StatusCreated)
	if token["access_token"] == "" || token["token_type"] != "bearer" || token["expires_in"].(float64) <= 0 {
		t.Errorf("token: %v", token)
	}
	if w := o.call(http.MethodPost, "/v1/clients/nobody/token", "", auth.Scopes...); w.Code != http.StatusNotFound {
		t.Errorf("a token of no client: %d %s", w.Code, w.Body)
	}
	if w := o.call(http.MethodPatch, "/v1/clients/client-boss", `{"disabled":true}`, auth.Scopes...); w.Code != http.StatusOK {
		t.Fatal(w.Code, w.Body)
	}
	if w := o.call(http.MethodPost, "/v1/clients/client-boss/token", "", auth.Scopes...); w.Code < 400 || w.Code >= 500 || strings.Contains(w.Body.String(), "access_token") {
		t.Errorf("a token of a disabled client: %d %s", w.Code, w.Body)
	}
}

// The newest signing key signs, older ones verify until they are deleted. No response has a private part.
func TestSigningKeys(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first := decode[signingView](t, o.call(http.MethodPost, "/v1/signing-keys", "", auth.Scopes...), http.StatusCreated)
	made := o.call(http.MethodPost, "/v1/signing-keys", "", auth.Scopes...)
	second := decode[signingView](t, made, http.StatusCreated)
	if !first.Signs || !second.Signs || first.ID == second.ID || made.Header().Get("Location") != "/v1/signing-keys/"+second.ID {
		t.Errorf("%+v, %+v, %v", first, second, made.Header())
	}
	w := o.call(http.MethodGet, "/v1/signing-keys", "", auth.Scopes...)
	all := decode[struct{ Items []signingView }](t, w, http.StatusOK)
	for _, k := range all.Items {
		if k.Signs != (k.ID == second.ID) {
			t.Errorf("%+v, where %s was made last", k, second.ID)
		}
	}
	stored, err := o.store.SigningKeys().List(t.Context())
	if err != nil || len(all.Items) != len(stored) || len(stored) < 2 {
		t.Fatalf("%s, where %d are stored: %v", w.Body, len(stored), err)
	}
	for _, k := range stored {
		if strings.Contains(w.Body.String(), base64.StdEncoding.EncodeToString(k.Private.Seed())) || strings.Contains(w.Body.String(), hex.EncodeToString(k.Private.Seed())) {
			t.Errorf("the list shows the private part of %s", k.ID)
		}
	}
	for _, want := range []int{http.StatusNoContent, http.StatusNotFound} {
		if w := o.call(http.MethodDelete, "/v1/signing-keys/"+first.ID, "", auth.Scopes...); w.Code != want {
			t.Errorf("delete: %d, want %d", w.Code, want)
		}
	}
}

// Mistakes in a body are 4xx that name the member, and change nothing.
func TestMistakesInBodies(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	before := o.records()
	long := strings.Repeat("x", 1100)
	for _, tc := range []struct{ method, path, body, says string }{
		{"POST", "/v1/users", `{"name":"eve"}`, "password"},
		{"POST", "/v1/users", `{"name":"eve","password":"short"}`, "password"},
		{"POST", "/v1/users", `{"name":"eve","password":"` + long + `"}`, "password"},
		{"POST", "/v1/users", `{"name":"eve","password":"eves-password","roles":["king"]}`, "roles"},
		{"POST", "/v1/users", `{"name":"eve","password":"eves-password","scopes":["flows:run"]}`, "scopes"},
		{"POST", "/v1/users", `{"name":"eve","password":"eves-password","scopes":["people:read"]}`, "scopes"},
		{"POST", "/v1/users", `{"name":"boss","password":"eves-password"}`, ""},
		{"POST", "/v1/users", `{"name":"eve","password":"eves-password","admin":true}`, "admin"},
		{"POST", "/v1/users", `[]`, ""},
		{"POST", "/v1/users", `{"name":`, ""},
		{"PATCH", "/v1/users/guest", `{"name":"other"}`, "name"},
		{"PATCH", "/v1/users/guest", `{"roles":"admin"}`, "roles"},
		{"PATCH", "/v1/users/nobody", `{"disabled":true}`, ""},
		{"POST", "/v1/clients", `{"name":"c","secret":"too short"}`, "secret"},
		{"POST", "/v1/clients", `{"name":"c","secret":"not printable é é é"}`, "secret"},
		{"POST", "/v1/clients", `{"name":"c","public_key":"none"}`, "public_key"},
		{"POST", "/v1/clients", `{"name":"c","time_zone":"Mars/Olympus"}`, "time_zone"},
		{"PATCH", "/v1/clients/client-none", `{"secret":"a-secret-of-16-bytes"}`, "secret"},
		{"PATCH", "/v1/clients/client-none", `{"token_ttl_minutes":1000000}`, "token_ttl_minutes"},
		{"PATCH", "/v1/keys/crm", `{"key":"other"}`, "key"},
		{"PATCH", "/v1/keys/crm", `{"scopes":["people:read"]}`, "scopes"},
		{"PATCH", "/v1/keys/crm", `{"on_replay":"forget"}`, "on_replay"},
		{"POST", "/v1/keys", `{"key":"crm"}`, ""},
		{"PUT", "/v1/secrets/hook", `{"value":""}`, "value"},
		{"PUT", "/v1/secrets/hook", "{\"value\":\"a\xff\"}", "invalid UTF-8"},
		{"PUT", "/v1/secrets/hook", `{"value":"v","flows":[0]}`, "flows"},
		{"PUT", "/v1/secrets/no%20name", `{"value":"v"}`, "name"},
		{"PUT", "/v1/vars/no%20name", `{"value":"v"}`, "name"},
		{"PUT", "/v1/vars/crm_url", `{}`, "value"},
		{"PUT", "/v1/vars/crm_url", `{"value":"` + strings.Repeat("v", store.MaxVar) + `"}`, "value"},
		{"PUT", "/v1/connections/crm", `{"type":"carrier pigeon"}`, "type"},
		{"PUT", "/v1/connections/crm", `{"type":"basic","settings":{"username":"u","password":"p"}}`, "hosts"},
		{"PUT", "/v1/connections/crm", `{"type":"basic","hosts":["crm.example.org"],"settings":{"username":"u","password":"p","port":"1"}}`, "port"},
		{"POST", "/v1/auth/explain", `{"link":"http://h"}`, "link"},
	} {
		w := o.call(tc.method, tc.path, tc.body, auth.Scopes...)
		if w.Code < 400 || w.Code >= 500 || !strings.Contains(w.Body.String(), tc.says) {
			t.Errorf("%s %s %.80s: %d %s, want one about %q", tc.method, tc.path, tc.body, w.Code, w.Body, tc.says)
		}
	}
	if !maps.Equal(before, o.records()) {
		t.Error("a refused body has changed a record")
	}
}

// Lists can be filtered by what they show, and refuse other fields.
func TestLists(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for query, want := range map[string]string{
		`/v1/users?filter=roles%20contains%20%22admin%22`:          "boss",
		`/v1/users?filter=name%20eq%20%22guest%22`:                 "guest",
		`/v1/keys?filter=api_access%20eq%20true`:                   "crm",
		`/v1/clients?filter=scopes%20contains%20%22users:admin%22`: "client-boss",
		`/v1/clients?order_by=-name&page_size=1`:                   "client-none",
	} {
		page := decode[struct {
			Items []map[string]any
			Total int `json:"total"`
		}](t, o.call(http.MethodGet, query, "", auth.Scopes...), http.StatusOK)
		if len(page.Items) != 1 || page.Items[0]["name"] != want && page.Items[0]["key"] != want && page.Items[0]["identifier"] != want {
			t.Errorf("%s: %+v, want %s", query, page, want)
		}
	}
	for _, query := range []string{
		`/v1/users?filter=hash%20ne%20%22%22`, `/v1/users?filter=password%20eq%20%22x%22`, `/v1/keys?filter=secret%20contains%20%22a%22`, `/v1/keys?order_by=secret`,
		`/v1/clients?order_by=hash`, `/v1/secrets?filter=value%20contains%20%22a%22`, `/v1/connections?filter=settings%20eq%20%22x%22`, `/v1/signing-keys?order_by=private`,
	} {
		if w := o.call(http.MethodGet, query, "", auth.Scopes...); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

// An explanation says why a request is refused, and contains no secret.
func TestExplanations(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	w := o.call(http.MethodPost, "/v1/auth/explain", `{"method":"GET","url":"https://penstock.example.org/apis/execute.php?flow=69&key=crm&ts=1&check=00000000000000000000000000000000"}`, auth.ScopeClients)
	e := decode[auth.Explanation](t, w, http.StatusOK)
	if e.Fits || len(e.Findings) == 0 || e.Key != "crm" || strings.Contains(w.Body.String(), officeSecret) {
		t.Errorf("%s", w.Body)
	}
}

// An administrator sees who has a second factor and removes it; nobody sets one up over the API, and no response has its secret.
func TestSecondFactorsAreRemoved(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	users := o.store.Users()
	if w := o.call(http.MethodPost, "/v1/users", `{"name":"tia","password":"tias-password","roles":["viewer"]}`, auth.Scopes...); w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	u, err := users.SetTOTP(t.Context(), "tia", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", []string{"hash-of-a-code"}, time.Now(), func(*store.User) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	w := o.call(http.MethodGet, "/v1/users/tia", "", auth.Scopes...)
	if !strings.Contains(w.Body.String(), `"totp":true`) || strings.Contains(w.Body.String(), u.TOTPSecret) || strings.Contains(w.Body.String(), "hash-of-a-code") {
		t.Errorf("the user: %s", w.Body)
	}
	if w := o.call(http.MethodPatch, "/v1/users/tia", `{"totp":true}`, auth.Scopes...); w.Code != http.StatusBadRequest && w.Code != http.StatusUnprocessableEntity {
		t.Errorf("set up over the API: %d", w.Code)
	}
	if w := o.call(http.MethodPatch, "/v1/users/tia", `{"totp":false}`, auth.Scopes...); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"totp":false`) {
		t.Errorf("removed: %d %s", w.Code, w.Body)
	}
	if now, err := users.User(t.Context(), "tia"); err != nil || now.HasTOTP() || len(now.Recovery) > 0 || now.Epoch == u.Epoch {
		t.Errorf("%+v, %v", now, err)
	}
}
