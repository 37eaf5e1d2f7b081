package api_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/audit"
)

func TestUsersAreAdministered(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	w := o.API("POST", "/v1/users", basic("root", rootsPassword), `{"name":"bob","password":"bobs-password","roles":["api_user","viewer"]}`)
	if w.Code != 201 || w.Header().Get("Location") != "/v1/users/bob" || strings.Contains(w.Body.String(), "password") || strings.Contains(w.Body.String(), "argon2") {
		t.Errorf("create: %d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := o.run(basic("bob", "bobs-password")); w.Code != 200 {
		t.Errorf("bob cannot run a flow: %d %s", w.Code, w.Body)
	}
	o.root("POST", "/v1/users", `{"name":"bob","password":"another"}`, 409)
	if got := o.root("GET", "/v1/users/bob", "", 200); got["name"] != "bob" || got["disabled"] != false {
		t.Errorf("read: %v", got)
	}
	got := o.root("GET", "/v1/users?filter="+url.QueryEscape(`roles contains "viewer" and name ne "guest"`)+"&order_by=-name", "", 200)
	if items, _ := got["items"].([]any); len(items) != 1 {
		t.Errorf("list: %v", got)
	}
	o.root("PATCH", "/v1/users/bob", `{"roles":["api_user"]}`, 200)
	o.root("DELETE", "/v1/users/bob", "", 204)
	for _, tc := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/v1/users/bob", "", 404},
		{"DELETE", "/v1/users/bob", "", 404},
		{"PATCH", "/v1/users/bob", `{"disabled":true}`, 404},
		{"POST", "/v1/users", `{"name":"x"}`, 400},
		{"POST", "/v1/users", `{"name":"x","password":"short"}`, 400},
		{"POST", "/v1/users", `{"name":"x:y","password":"long enough"}`, 400},
		{"POST", "/v1/users", `{"name":"x","password":"long enough","roles":["god"]}`, 400},
		{"POST", "/v1/users", `{"name":"x","password":"long enough","role":"admin"}`, 400},
		{"POST", "/v1/users", `{"name":"x","password":12345678}`, 400},
		{"PATCH", "/v1/users/ann", `{"name":"bob"}`, 400},
		{"GET", "/v1/users?filter=hash+eq+1", "", 400},
		{"GET", "/v1/users?filter=password+eq+%22x%22", "", 400},
	} {
		o.root(tc.method, tc.path, tc.body, tc.status)
	}
}

func TestUsersHaveProfiles(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	root := basic("root", rootsPassword)
	w := o.API("POST", "/v1/users", root, `{"name":"eve","password":"eves-password","roles":["api_user"],"email":"eve@example.org","first_name":"Eve","last_name":"Łuk"}`)
	if got := o.object(w); w.Code != 201 || got["email"] != "eve@example.org" || got["first_name"] != "Eve" || got["last_name"] != "Łuk" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := o.API("PATCH", "/v1/users/eve", root, `{"last_name":"Luk","email":""}`); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if got := o.object(o.API("GET", "/v1/users/eve", root, "")); got["email"] != nil || got["first_name"] != "Eve" || got["last_name"] != "Luk" {
		t.Errorf("changed: %v", got)
	}
	if w := o.API("PATCH", "/v1/users/eve", root, `{"email":"eve"}`); w.Code != 422 && w.Code != 400 || !strings.Contains(w.Body.String(), "email") {
		t.Errorf("a wrong address: %d %s", w.Code, w.Body)
	}
	if got := o.object(o.API("GET", "/v1/users?filter="+url.QueryEscape(`last_name eq "Luk"`), root, "")); fmt.Sprint(got["total"]) != "1" {
		t.Errorf("filtered: %v", got)
	}
}

func TestKeysAreAdministered(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	made := o.root("POST", "/v1/keys", `{"name":"shop","flows":[69],"ts_window":60,"on_replay":"attach"}`, 201)
	key, _ := made["key"].(string)
	first, _ := made["secret"].(string)
	if len(key) != 16 || len(first) != 26 || made["api_access"] != true {
		t.Fatalf("create: %v", made)
	}
	o.Hide(first)
	call := func(with string) int {
		return o.Call(apitest.Call{Params: map[string]string{"key": key}, Secret: with}).Code
	}
	if status := call(first); status != 200 {
		t.Errorf("a call with the new key: %d", status)
	}
	if got := o.root("GET", "/v1/keys/"+key, "", 200); got["secret"] != first {
		t.Errorf("read: %v", got)
	}
	if w := o.API("GET", "/v1/keys", basic("root", rootsPassword), ""); strings.Contains(w.Body.String(), first) || !strings.Contains(w.Body.String(), key) {
		t.Errorf("list: %s", w.Body)
	}
	rotated := o.root("POST", "/v1/keys/"+key+"/rotate", "", 200)
	second, _ := rotated["secret"].(string)
	if second == first || rotated["previous_secret"] != first {
		t.Errorf("rotate: %v", rotated)
	}
	o.root("PATCH", "/v1/keys/"+key, `{"flows":null,"name":"shop 2","rate_limit":"5/s"}`, 200)
	if got := o.root("GET", "/v1/keys/"+key, "", 200); got["flows"] != nil || got["name"] != "shop 2" || got["on_replay"] != "attach" || got["secret"] != second {
		t.Errorf("changed: %v", got)
	}
	o.root("PATCH", "/v1/keys/"+key, `{"api_access":false}`, 200)
	if status := call(second); status != 403 {
		t.Errorf("access switched off: %d", status)
	}
	o.root("DELETE", "/v1/keys/"+key, "", 204)
	if status := call(second); status != 401 {
		t.Errorf("deleted: %d", status)
	}
	for _, body := range []string{
		`{"secret":"short"}`, `{"ts_window":0}`, `{"ts_window":86401}`, `{"on_replay":"maybe"}`, `{"flows":[0]}`, `{"flows":["69"]}`, `{"key":"a b"}`,
		`{"public_key":"-----BEGIN PUBLIC KEY-----"}`, `{"rate_limit":"fast"}`, `{"scopes":["users:admin"]}`, `[]`, `{"name":"a","name":"b"}`,
	} {
		o.root("POST", "/v1/keys", body, 400)
	}
	o.root("POST", "/v1/keys", `{"key":"signer"}`, 409)
	o.root("POST", "/v1/keys/signer/rotate", `{"overlap_seconds":-1}`, 400)
	o.root("POST", "/v1/keys/x/rotate", "", 404)
}

func TestClientsAreAdministered(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	made := o.root("POST", "/v1/clients", `{"name":"Shop","scopes":["flows:run"],"token_ttl_minutes":1440,"time_zone":"Europe/Paris","assertion_expires_on":"2028-11-30","reminder_emails":["it@example.org"]}`, 201)
	id, _ := made["identifier"].(string)
	first, _ := made["secret"].(string)
	if !strings.HasPrefix(id, "client-") || len(first) < 16 {
		t.Fatalf("create: %v", made)
	}
	get := func(secret string) *httptest.ResponseRecorder {
		return o.form("/oauth2/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", basic(id, secret))
	}
	if w := get(first); w.Code != 200 || !strings.Contains(w.Body.String(), `"expires_in":86400,`) {
		t.Errorf("a token: %d %s", w.Code, w.Body)
	}
	for _, path := range []string{"/v1/clients/" + id, "/v1/clients"} {
		if w := o.API("GET", path, basic("root", rootsPassword), ""); w.Code != 200 || strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "argon2") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	second, _ := o.root("POST", "/v1/clients/"+id+"/secret", "", 201)["secret"].(string)
	o.root("POST", "/v1/clients/"+id+"/secret", `{"secret":"chosen-by-the-admin"}`, 201)
	for secret, status := range map[string]int{first: 401, second: 401, "chosen-by-the-admin": 200} {
		if w := get(secret); w.Code != status {
			t.Errorf("%d %s, want %d", w.Code, w.Body, status)
		}
	}
	for _, body := range []string{
		`{}`, `{"name":""}`, `{"name":"x","secret":"fifteen-letters"}`, `{"name":"x","secret":"sixteen letters é"}`, `{"name":"x","scopes":["root"]}`,
		`{"name":"x","scopes":["flows:run:0"]}`, `{"name":"x","scopes":["users:admin:1"]}`, `{"name":"x","scopes":["flows:run:01"]}`,
		`{"name":"x","token_ttl_minutes":0}`, `{"name":"x","token_ttl_minutes":1441}`, `{"name":"x","time_zone":"Mars"}`, `{"name":"x","assertion_expires_on":"soon"}`,
		`{"name":"x","reminder_emails":["a@b.org\r\nBcc: c@d.org"]}`, `{"name":"x","scope_separator":";"}`, `{"name":"x","identifier":"mine"}`, `{"name":"a\r\nb"}`,
	} {
		o.root("POST", "/v1/clients", body, 400)
	}
	o.root("PATCH", "/v1/clients/"+id, `{"secret":"another-secret-16"}`, 400)
	o.root("POST", "/v1/clients/nobody/token", "", 404)
	w := o.send(httptest.NewRequest("POST", "/v1/clients/"+id+"/token", nil), "Authorization", basic("root", rootsPassword), "Accept", "application/json")
	if got := o.object(w); w.Code != 201 || got["token_type"] != "bearer" || !strings.HasSuffix(w.Header().Get("Content-Disposition"), `.json"`) {
		t.Errorf("token as JSON: %d %v %s", w.Code, w.Header(), w.Body)
	}
	o.root("DELETE", "/v1/clients/"+id, "", 204)
	o.root("GET", "/v1/clients/"+id, "", 404)
}

func TestSecretsAreNeverReadBack(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	o.Sent = append(o.Sent, "the-value-of-a-secret")
	o.root("PUT", "/v1/secrets/gh_hook", `{"value":"the-value-of-a-secret"}`, 200)
	if value, err := o.store.Secrets().Secret(t.Context(), "gh_hook"); err != nil || value != "the-value-of-a-secret" {
		t.Errorf("stored: %q, %v", value, err)
	}
	for path, status := range map[string]int{"/v1/secrets": 200, "/v1/secrets/gh_hook": 405, "/v1/audit": 200} {
		if w := o.API("GET", path, basic("root", rootsPassword), ""); w.Code != status || strings.Contains(w.Body.String(), "the-value") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for path, body := range map[string]string{"gh_hook": `{"value":""}`, "1x": `{"value":"x"}`, "a b": `{"value":"x"}`, "ok": `{"value":1}`} {
		o.root("PUT", "/v1/secrets/"+url.PathEscape(path), body, 400)
	}
	o.root("DELETE", "/v1/secrets/gh_hook", "", 204)
	o.root("DELETE", "/v1/secrets/gh_hook", "", 404)
}

func TestConnectionsShowNoSecret(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	o.Sent = append(o.Sent, "the-password-of-a-mail-server")
	const smtp = `{"type":"smtp","settings":{"host":"mail.example.org","from":"a@b.org","username":"u","password":"the-password-of-a-mail-server"}}`
	for _, w := range []*httptest.ResponseRecorder{
		o.API("PUT", "/v1/connections/mail", basic("root", rootsPassword), smtp),
		o.API("GET", "/v1/connections/mail", basic("root", rootsPassword), ""),
		o.API("GET", "/v1/connections", basic("root", rootsPassword), ""),
		o.API("GET", "/v1/audit", basic("root", rootsPassword), ""),
	} {
		if w.Code != 200 || strings.Contains(w.Body.String(), "the-password") || !strings.Contains(w.Body.String(), "mail") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	for name, body := range map[string]string{
		"x": `{"type":"carrier-pigeon"}`, "y": `{"type":"smtp","settings":{"host":"h"}}`, "1": smtp, "z": `{"name":"other","type":"smtp"}`,
		"v": `{"type":"smtp","settings":{"host":"h","from":"a@b.org","tls":"the-password-of-a-mail-server-as-tls"}}`,
	} {
		o.root("PUT", "/v1/connections/"+name, body, 400)
	}
	stored := o.root("PUT", "/v1/connections/mail", `{"type":"smtp","settings":{"host":"h","from":"a@b.org","port":2525,"ca":null}}`, 200)
	if settings, _ := stored["settings"].(map[string]any); settings["port"] != "2525" || len(settings) != 3 {
		t.Errorf("a number is stored as %v", stored)
	}
	for want, settings := range map[string]string{
		"settings.port must be a text, a number": `{"host":"h","from":"a@b.org","port":[25]}`,
		"port is not a whole number":             `{"host":"h","from":"a@b.org","port":25.5}`,
		"tls is not one of":                      `{"host":"h","from":"a@b.org","tls":true}`,
	} {
		if refused := o.root("PUT", "/v1/connections/mail", `{"type":"smtp","settings":`+settings+`}`, 400); !strings.Contains(fmt.Sprint(refused["detail"]), want) {
			t.Errorf("%s: %v", settings, refused)
		}
	}
	o.root("DELETE", "/v1/connections/mail", "", 204)
	o.root("GET", "/v1/connections/mail", "", 404)
}

func TestSigningKeysAreRotated(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	a := o.assertion()
	o.root("POST", "/v1/signing-keys", "", 201)
	o.token(o.ansira(a, "")) // the old key still verifies
	listed := o.root("GET", "/v1/signing-keys", "", 200)
	items, _ := listed["items"].([]any)
	if len(items) != 2 {
		t.Fatalf("%v", listed)
	}
	oldest, _ := items[1].(map[string]any)
	kid, _ := oldest["kid"].(string)
	o.root("DELETE", "/v1/signing-keys/"+kid, "", 204)
	o.wantOAuthError("signed with a deleted key", o.ansira(a, ""), 400, "invalid_grant")
	o.token(o.ansira(o.assertion(), ""))
}

func TestAuditLog(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	o.root("POST", "/v1/users", `{"name":"bob","password":"bobs-password"}`, 201)
	o.API("DELETE", "/v1/users/bob", basic("ann", annsPassword), "") // refused
	o.root("DELETE", "/v1/users/nobody", "", 404)                    // changed nothing
	o.token(o.integrify(o.signed(nil)))                              // acts as ann
	o.run(basic("ann", annsPassword))                                // work
	o.root("GET", "/v1/users", "", 200)
	o.root("POST", "/v1/keys/signer/rotate", "", 200)
	text := o.API("GET", "/v1/audit", basic("root", rootsPassword), "")
	var page struct{ Items []audit.Entry }
	if err := json.Unmarshal(text.Body.Bytes(), &page); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range page.Items {
		if e.IP != "192.0.2.1" || e.RequestID == "" || e.At.IsZero() {
			t.Errorf("entry %+v", e)
		}
		got = append(got, e.Actor+" "+e.Act+" "+e.Object)
	}
	want := "user:root POST /v1/keys/:key/rotate signer\nkey:signer impersonate user:ann\nuser:ann DELETE /v1/users/:name bob\nuser:root POST /v1/users bob"
	if strings.Join(got, "\n") != want {
		t.Errorf("audit log:\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	filtered := o.root("GET", "/v1/audit?filter="+url.QueryEscape(`act eq "impersonate" and object eq "user:ann"`), "", 200)
	if items, _ := filtered["items"].([]any); len(items) != 1 {
		t.Errorf("filtered: %v", filtered)
	}
}

func TestIntrospection(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	own := o.token(o.form("/oauth2/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", crmBasic))
	admin := o.root("POST", "/v1/clients", `{"name":"auditor","scopes":["users:admin"],"secret":"the-auditors-secret"}`, 201)
	adminID, _ := admin["identifier"].(string)
	auditor := []string{"Authorization", basic(adminID, "the-auditors-secret")}
	crm := []string{"Authorization", crmBasic}
	ask := func(token string, who []string) map[string]any {
		t.Helper()
		w := o.form("/oauth/introspect", url.Values{"token": {token}}, who...)
		if w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return o.object(w)
	}
	got := ask(own, crm)
	if got["active"] != true || got["client_id"] != "client-crm" || got["scope"] != "flows:run:69 runs:read" || got["iss"] != issuer || got["exp"] != json.Number("1795280300") {
		t.Errorf("its own: %v", got)
	}
	anns := o.annsToken()
	acting := o.token(o.integrify(o.signed(nil)))
	for name, token := range map[string]string{"a user's": anns, "another's": acting, "unknown": "pst_x", "not one": "x"} {
		if got := ask(token, crm); got["active"] != false || len(got) != 1 {
			t.Errorf("%s, to a client that it is not for: %v", name, got)
		}
	}
	if got := ask(acting, auditor); got["active"] != true || got["username"] != "ann" {
		t.Errorf("to an administrator: %v", got)
	}
	o.wantOAuthError("nobody asks", o.form("/oauth/introspect", url.Values{"token": {own}}), 401, "invalid_client")
	o.wantOAuthError("no token", o.form("/oauth/introspect", url.Values{}, crm...), 400, "invalid_request")
	o.wantOAuthError("in the query", o.form("/oauth/introspect?token="+own, url.Values{}, crm...), 400, "invalid_request")
	for _, token := range []string{own, anns, "pst_unknown", ""} {
		w := o.form("/oauth/revoke", url.Values{"token": {token}, "token_type_hint": {"refresh_token"}}, crm...)
		if want := map[bool]int{true: 200, false: 400}[token != ""]; w.Code != want {
			t.Errorf("revoke %q: %d %s", token, w.Code, w.Body)
		}
		if _, typed := w.Header()["Content-Type"]; w.Code == 200 && (typed || w.Body.Len() > 0 || w.Header().Get("Content-Length") != "0" || w.Header().Get("Cache-Control") != "no-store") {
			t.Errorf("revoke %q: want an empty response without a media type, got %q with %v", token, w.Body, w.Header())
		}
	}
	if got := ask(own, crm); got["active"] != false {
		t.Errorf("revoked: %v", got)
	}
	if w := o.API("GET", "/v1/flows/69/runs", bearer(anns), ""); w.Code == 403 {
		t.Error("a client revoked the token of a user")
	}
	o.wantOAuthError("a client's token without the client", o.form("/oauth/revoke", url.Values{"token": {o.manualToken()}}), 401, "invalid_client")
	if w := o.form("/oauth/revoke", url.Values{"token": {anns}}); w.Code != 200 {
		t.Errorf("a user revokes its own: %d", w.Code)
	}
	o.wantDead("revoked", o.run(bearer(anns)))
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	r := httptest.NewRequest("GET", "/.well-known/oauth-authorization-server", nil)
	r.Host = "evil.example"
	w := o.send(r, "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "ftp", "Forwarded", "host=evil.example")
	got := o.object(w)
	if w.Code != 200 || got["issuer"] != issuer || got["token_endpoint"] != issuer+"/oauth2/token" || strings.Contains(w.Body.String(), "evil") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
