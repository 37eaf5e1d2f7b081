package api_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

var passwordForm = url.Values{"grant_type": {"password"}, "username": {"ann"}, "password": {annsPassword}} // read only

func with(base url.Values, pairs ...string) url.Values {
	v := url.Values{}
	for name, values := range base {
		v[name] = values
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			v.Del(pairs[i])
		} else {
			v[pairs[i]] = strings.Split(pairs[i+1], "\n")
		}
	}
	return v
}

func TestSyncAccessToken(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	asJSON := func(path string) *httptest.ResponseRecorder {
		return o.API("POST", path, "", `{"grant_type":"password","username":"ann","password":"`+annsPassword+`"}`)
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"form":                     o.form("/token", passwordForm),
		"form, alias":              o.form("/appservices/token", passwordForm),
		"JSON":                     asJSON("/token"),
		"JSON, alias":              asJSON("/appservices/token"),
		"an empty Basic pair":      o.form("/token", passwordForm, "Authorization", basic("", "")),
		"a client along":           o.form("/token", with(passwordForm, "client_id", "x", "client_secret", "y")),
		"a charset":                o.send(formRequest("/token", passwordForm.Encode(), "application/x-www-form-urlencoded; charset=UTF-8")),
		"a query of somebody else": o.form("/token?utm=1", passwordForm),
	} {
		body := o.object(w)
		token := o.token(w)
		if len(body) != 4 || body["token_type"] != "bearer" || body["username"] != "ann" || !strings.Contains(w.Body.String(), `"expires_in":1799,`) {
			t.Errorf("%s: %s", name, w.Body)
		}
		if h := w.Header(); h.Get("Cache-Control") != "no-store" || h.Get("Pragma") != "no-cache" || h.Get("Content-Type") != "application/json" {
			t.Errorf("%s: header %v", name, h)
		}
		if !strings.HasPrefix(token, "pst_") || len(token) != 47 {
			t.Errorf("%s: token %s", name, token)
		}
	}
	w := o.form("/token", with(passwordForm, "scope", "flows:run:69"))
	if o.object(w)["scope"] != "flows:run:69" {
		t.Errorf("a narrower scope: %s", w.Body)
	}
	narrow := o.token(w)
	if w := o.run(bearer(narrow)); w.Code != 200 {
		t.Errorf("a run of the flow it is narrowed to: %d %s", w.Code, w.Body)
	}
	if w := o.API("POST", "/v1/flows/70/runs", bearer(narrow), `{}`); w.Code != 404 {
		t.Errorf("a run of another flow: %d %s", w.Code, w.Body)
	}
}

func formRequest(path, body, contentType string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

func TestSyncAccessRefuses(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	const form = "application/x-www-form-urlencoded"
	for _, tc := range []struct {
		name  string
		query string
		body  string
		media string
		code  string
	}{
		{"wrong password", "", with(passwordForm, "password", "x").Encode(), form, "invalid_grant"},
		{"unknown user", "", with(passwordForm, "username", "x").Encode(), form, "invalid_grant"},
		{"no api_user role", "", with(passwordForm, "username", "guest").Encode(), form, "invalid_grant"},
		{"disabled", "", with(passwordForm, "username", "gone").Encode(), form, "invalid_grant"},
		{"a client's name and secret", "", with(passwordForm, "username", "client-crm", "password", crmSecret).Encode(), form, "invalid_grant"},
		{"no password", "", with(passwordForm, "password", "").Encode(), form, "invalid_request"},
		{"no username", "", with(passwordForm, "username", "").Encode(), form, "invalid_request"},
		{"no grant_type", "", with(passwordForm, "grant_type", "").Encode(), form, "invalid_request"},
		{"empty grant_type", "", passwordForm.Encode() + "&grant_type=", form, "invalid_request"},
		{"another grant_type", "", with(passwordForm, "grant_type", "client_credentials").Encode(), form, "unsupported_grant_type"},
		{"refresh", "", "grant_type=refresh_token&refresh_token=x", form, "invalid_grant"},
		{"credentials in the query", passwordForm.Encode(), "", form, "invalid_request"},
		{"password in the query", "password=x", passwordForm.Encode(), form, "invalid_request"},
		{"a broken query", "%zz", passwordForm.Encode(), form, "invalid_request"},
		{"username twice", "", passwordForm.Encode() + "&username=root", form, "invalid_request"},
		{"a broken form", "", "grant_type=password&%zz", form, "invalid_request"},
		{"not UTF-8", "", "grant_type=password&username=%ff&password=x", form, "invalid_request"},
		{"no content type", "", passwordForm.Encode(), "", "invalid_request"},
		{"multipart", "", passwordForm.Encode(), "multipart/form-data; boundary=x", "invalid_request"},
		{"broken JSON", "", `{"grant_type":"password"`, "application/json", "invalid_request"},
		{"JSON member twice", "", `{"grant_type":"password","username":"ann","username":"root","password":"x"}`, "application/json", "invalid_request"},
		{"JSON list", "", `[]`, "application/json", "invalid_request"},
		{"JSON null", "", `null`, "application/json", "invalid_request"},
		{"JSON number", "", `{"grant_type":"password","username":"ann","password":1}`, "application/json", "invalid_request"},
		{"a scope that is not granted", "", with(passwordForm, "scope", "users:admin").Encode(), form, "invalid_scope"},
		{"a scope that does not exist", "", with(passwordForm, "scope", "root").Encode(), form, "invalid_scope"},
	} {
		path := "/token"
		if tc.query != "" {
			path += "?x"
		}
		r := formRequest(path, tc.body, tc.media)
		r.URL.RawQuery = tc.query
		o.wantOAuthError(tc.name, o.send(r), 400, tc.code)
	}
	r := formRequest("/token", passwordForm.Encode(), form)
	r.Header.Set("Content-Encoding", "gzip")
	o.wantOAuthError("compressed", o.send(r), 415, "invalid_request")
	o.wantOAuthError("too large", o.send(formRequest("/token", strings.Repeat("x", 2<<20), form)), 413, "invalid_request")
	get := o.Do(httptest.NewRequest(http.MethodGet, "/token", nil))
	o.wantOAuthError("GET", get, 405, "invalid_request")
	if get.Header().Get("Allow") != "POST" {
		t.Errorf("Allow %q", get.Header().Get("Allow"))
	}
}

func TestBasicAndBearerOpenTheAPI(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	token := o.annsToken()
	for _, authorization := range []string{
		"Bearer " + token, "bearer " + token, "BEARER " + token, "Bearer  " + token + " ",
		basic("ann", annsPassword), strings.Replace(basic("ann", annsPassword), "Basic", "bAsIc", 1),
	} {
		if w := o.run(authorization); w.Code != 200 {
			t.Errorf("%.10s…: %d %s", authorization, w.Code, w.Body)
		}
	}
	for name, authorization := range map[string]string{
		"nothing":         "",
		"unknown token":   "Bearer pst_" + strings.Repeat("A", 43),
		"no token":        "Bearer",
		"another scheme":  "Digest x",
		"wrong password":  basic("ann", "x"),
		"unknown user":    basic("nobody", annsPassword),
		"no api_user":     basic("guest", annsPassword),
		"disabled":        basic("gone", annsPassword),
		"an API client":   basic("client-crm", crmSecret),
		"an API key":      basic("signer", jwtSecret),
		"not base64":      "Basic ???",
		"no colon":        "Basic YW5u",
		"token as Basic":  "Basic " + token,
		"Basic as Bearer": strings.Replace(basic("ann", annsPassword), "Basic", "Bearer", 1),
	} {
		w := o.run(authorization)
		offers := w.Header().Values("WWW-Authenticate")
		if w.Code != 401 || len(offers) != 2 || !strings.HasPrefix(offers[0], "Bearer realm=") || !strings.HasPrefix(offers[1], "Basic realm=") {
			t.Errorf("%s: %d %v %s", name, w.Code, offers, w.Body)
		}
	}
	twice := httptest.NewRequest(http.MethodPost, "/v1/flows/69/runs", nil)
	if w := o.send(twice, "Authorization", basic("ann", annsPassword), "Authorization", bearer(token)); w.Code != 401 {
		t.Errorf("two Authorization headers: %d", w.Code)
	}
}

func TestTokenLivesFor1800Seconds(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	token := o.annsToken()
	o.clock.pass(1800*time.Second - time.Millisecond)
	if w := o.run(bearer(token)); w.Code != 200 {
		t.Errorf("just before its end: %d %s", w.Code, w.Body)
	}
	o.clock.pass(time.Millisecond)
	o.wantDead("expired", o.run(bearer(token)))
}

// wantDead checks the response to an invalidated token.
func (o *authAPI) wantDead(what string, w *httptest.ResponseRecorder) {
	o.T.Helper()
	if got := w.Header().Values("WWW-Authenticate"); w.Code != 403 || len(got) != 1 || got[0] != `Bearer realm="penstock", error="invalid_token"` {
		o.T.Errorf("%s: %d %v %s", what, w.Code, got, w.Body)
	}
}

func TestABasicPasswordIsBelievedNoLongerThanItIsRight(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	if w := o.run(basic("ann", annsPassword)); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	o.root("PATCH", "/v1/users/ann", `{"password":"another-password"}`, 200)
	if w := o.run(basic("ann", annsPassword)); w.Code != 401 {
		t.Errorf("the old password, a moment after the change: %d", w.Code)
	}
	if w := o.run(basic("ann", "another-password")); w.Code != 200 {
		t.Errorf("the new password: %d %s", w.Code, w.Body)
	}
	o.root("PATCH", "/v1/users/ann", `{"disabled":true}`, 200)
	if w := o.run(basic("ann", "another-password")); w.Code != 401 {
		t.Errorf("disabled: %d", w.Code)
	}
}
