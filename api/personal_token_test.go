package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/auth/personal"
)

// made makes a personal token of a user and returns its text.
func (o *authAPI) made(user, password, body string) (text, id string) {
	o.T.Helper()
	w := o.API(http.MethodPost, "/v1/tokens", basic(user, password), body)
	if w.Code != http.StatusCreated {
		o.T.Fatalf("%d %s", w.Code, w.Body)
	}
	got := o.object(w)
	text = got["token"].(string)
	if !personal.WellFormed(text) {
		o.T.Errorf("%s is no personal token", text)
	}
	return text, got["id"].(string)
}

func (o *authAPI) wantStatus(what, method, path, token string, want int) {
	o.T.Helper()
	if w := o.API(method, path, bearer(token), ""); w.Code != want {
		o.T.Errorf("%s: %s %s: %d %s, want %d", what, method, path, w.Code, w.Body, want)
	}
}

// A personal token allows what its scopes and its user allow at the time: a user who is demoted demotes it, one who is promoted again
// has it back, and one who is disabled or deleted ends it.
func TestAPersonalTokenIsItsUserNow(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	text, _ := o.made("root", rootsPassword, `{"name":"ops","scopes":["users:admin","flows:read"],"days":30}`)
	o.wantStatus("as made", "GET", "/v1/users", text, 200)
	o.wantStatus("a scope that it was not given", "GET", "/v1/secrets", text, 403)
	if got := o.object(o.API("GET", "/v1/tokens", bearer(text), "")); len(got["items"].([]any)) != 1 || got["items"].([]any)[0].(map[string]any)["token"] != nil || got["items"].([]any)[0].(map[string]any)["used_at"] == nil {
		t.Errorf("its list: %v", got)
	}
	o.root("POST", "/v1/users", `{"name":"second","password":"seconds-password-is-long","roles":["admin","api_user"]}`, 201)
	second := basic("second", "seconds-password-is-long")
	change := func(body string, want int) {
		t.Helper()
		if w := o.API("PATCH", "/v1/users/root", second, body); w.Code != want {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	change(`{"roles":["viewer","api_user"]}`, 200)
	o.wantStatus("after the user was demoted", "GET", "/v1/users", text, 403)
	o.wantStatus("what the user still may", "GET", "/v1/flows", text, 200)
	change(`{"roles":["admin","api_user"]}`, 200)
	o.wantStatus("after the user was promoted", "GET", "/v1/users", text, 200)
	change(`{"roles":["admin"]}`, 200)
	o.wantStatus("without the API", "GET", "/v1/flows", text, 403)
	change(`{"roles":["admin","api_user"],"disabled":true}`, 200)
	o.wantStatus("after the user was disabled", "GET", "/v1/flows", text, 403)
	change(`{"disabled":false}`, 200)
	o.wantStatus("after the user was enabled", "GET", "/v1/flows", text, 200)
	if w := o.API("DELETE", "/v1/users/root", second, ""); w.Code != 204 {
		t.Fatal(w.Code, w.Body)
	}
	o.wantStatus("after the user was deleted", "GET", "/v1/flows", text, 403)
	if w := o.API("POST", "/v1/users", second, `{"name":"root","password":"another-root-password","roles":["admin","api_user"]}`); w.Code != 201 {
		t.Fatal(w.Code, w.Body)
	}
	o.wantStatus("of another user of the name", "GET", "/v1/flows", text, 403)
}

func TestAPersonalTokenEnds(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	text, _ := o.made("ann", annsPassword, `{"name":"short","scopes":["runs:read"],"days":1}`)
	other, id := o.made("ann", annsPassword, `{"name":"revoked","scopes":["runs:read"]}`)
	o.wantStatus("both", "GET", "/v1/tokens", other, 200)
	o.wantStatus("a token revokes itself", "DELETE", "/v1/tokens/"+id, other, 204)
	o.wantStatus("after its revocation", "GET", "/v1/tokens", other, 401)
	o.wantStatus("the other one", "GET", "/v1/tokens", text, 200)
	o.clock.pass(24*time.Hour - time.Minute)
	o.wantStatus("before its end", "GET", "/v1/tokens", text, 200)
	o.clock.pass(2 * time.Minute)
	o.wantStatus("after its end", "GET", "/v1/tokens", text, 403)
	forged := text[:len(text)-1] + "0"
	if forged == text {
		forged = text[:len(text)-1] + "1"
	}
	o.wantStatus("a text that was changed", "GET", "/v1/tokens", forged, 401)
}

// Nobody makes a token that allows more than the maker, or with a token, or for another.
func TestAttackPersonalTokens(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	text, id := o.made("root", rootsPassword, `{"name":"ops","scopes":["users:admin","clients:admin"]}`)
	for what, c := range map[string]struct {
		authorization, body string
		want                int
	}{
		"scopes that the user does not hold":  {basic("ann", annsPassword), `{"name":"a","scopes":["users:admin"]}`, 403},
		"a scope that does not exist":         {basic("ann", annsPassword), `{"name":"a","scopes":["everything"]}`, 400},
		"no scope":                            {basic("ann", annsPassword), `{"name":"a","scopes":[]}`, 400},
		"no end":                              {basic("ann", annsPassword), `{"name":"a","scopes":["runs:read"],"days":367}`, 400},
		"a negative end":                      {basic("ann", annsPassword), `{"name":"a","scopes":["runs:read"],"days":-1}`, 400},
		"with a personal token":               {bearer(text), `{"name":"a","scopes":["users:admin"]}`, 403},
		"with a token of the password grant":  {bearer(o.token(o.form("/token", map[string][]string{"grant_type": {"password"}, "username": {"ann"}, "password": {annsPassword}}))), `{"name":"a","scopes":["runs:read"]}`, 403},
		"a client":                            {bearer(o.token(o.form("/oauth2/token", map[string][]string{"grant_type": {"client_credentials"}, "client_id": {"client-crm"}, "client_secret": {crmSecret}}))), `{"name":"a","scopes":["runs:read"]}`, 403},
		"a user who may not use the API":      {basic("guest", annsPassword), `{"name":"a","scopes":["runs:read"]}`, 401},
		"a user who is disabled":              {basic("gone", annsPassword), `{"name":"a","scopes":["runs:read"]}`, 401},
		"a member that the API does not know": {basic("ann", annsPassword), `{"name":"a","scopes":["runs:read"],"user":"root"}`, 400},
	} {
		if w := o.API(http.MethodPost, "/v1/tokens", c.authorization, c.body); w.Code != c.want || strings.Contains(w.Body.String(), personal.Prefix) {
			t.Errorf("%s: %d %s, want %d", what, w.Code, w.Body, c.want)
		}
	}
	if w := o.API(http.MethodDelete, "/v1/tokens/"+id, basic("ann", annsPassword), ""); w.Code != http.StatusNotFound {
		t.Errorf("revoking that of another: %d", w.Code)
	}
	if w := o.API(http.MethodGet, "/v1/tokens", basic("ann", annsPassword), ""); strings.Contains(w.Body.String(), id) {
		t.Errorf("reading that of another: %s", w.Body)
	}
	o.wantStatus("afterwards", "GET", "/v1/users", text, 200)
	audit, err := json.Marshal(o.root("GET", "/v1/audit", "", 200))
	if err != nil || strings.Contains(string(audit), text) || !strings.Contains(string(audit), "/v1/tokens") {
		t.Errorf("the audit log: %s, %v", audit, err)
	}
}
