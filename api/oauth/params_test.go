package oauth

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
)

// post serves one request to an OAuth endpoint by handler, behind the middleware of the front door.
func post(r *http.Request, handler gin.HandlerFunc) *httptest.ResponseRecorder {
	gin.SetMode(gin.ReleaseMode)
	f := &httpx.Frame{Now: time.Now, MaxBody: 1 << 16, Envelopes: []httpx.Envelope{{Serves: Serves, Write: WriteFault, BasicOnly: true}}}
	e := gin.New()
	e.Use(func(c *gin.Context) { f.Begin(c) }, httpx.RequestID, httpx.LimitBody)
	e.POST("/*path", handler)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

// Parameters are read from a form or a JSON object, each once, and never from the URL, which ends up in logs.
func TestTokenRequest(t *testing.T) {
	t.Parallel()
	const form, object = "application/x-www-form-urlencoded", "application/json"
	for _, tc := range []struct {
		name, query, kind, body string
		code                    string // of the error; empty: accepted with a=1
	}{
		{"a form", "", form, "a=1", ""},
		{"a form with a charset", "", form + "; charset=UTF-8", "a=1", ""},
		{"JSON", "", object, `{"a":"1"}`, ""},
		{"an odd parameter in the URL", "debug=1", form, "a=1", ""},
		{"a password in the URL", "password=x", form, "a=1", "invalid_request"},
		{"a token in the URL", "token=x", form, "a=1", "invalid_request"},
		{"a refresh token in the URL", "a=1&refresh_token=", form, "a=1", "invalid_request"},
		{"an assertion in the URL, escaped", "%61ssertion=x", form, "a=1", "invalid_request"},
		{"a client's assertion in the URL", "client_assertion=x", form, "a=1", "invalid_request"},
		{"a URL that cannot be read", "%zz", form, "a=1", "invalid_request"},
		{"a URL with a semicolon", "x=1;token=y", form, "a=1", "invalid_request"},
		{"a parameter twice", "", form, "a=1&a=1", "invalid_request"},
		{"twice, one escaped", "", form, "a=1&%61=2", "invalid_request"},
		{"twice, one empty", "", form, "a=1&a", "invalid_request"},
		{"not UTF-8", "", form, "a=%ff", "invalid_request"},
		{"an escape that is none", "", form, "a=%zz", "invalid_request"},
		{"a semicolon", "", form, "a=1;b=2", "invalid_request"},
		{"a member twice", "", object, `{"a":"1","a":"2"}`, "invalid_request"},
		{"a member twice, one escaped", "", object, `{"a":"1","\u0061":"2"}`, "invalid_request"},
		{"a number", "", object, `{"a":1}`, "invalid_request"},
		{"a list", "", object, `{"a":["1"]}`, "invalid_request"},
		{"an object within", "", object, `{"a":{"b":"1"}}`, "invalid_request"},
		{"a list of all", "", object, `["a"]`, "invalid_request"},
		{"null", "", object, `null`, "invalid_request"},
		{"a text", "", object, `"a=1"`, "invalid_request"},
		{"JSON, then more", "", object, `{"a":"1"}{}`, "invalid_request"},
		{"no JSON", "", object, `a=1`, "invalid_request"},
		{"nothing as JSON", "", object, ``, "invalid_request"},
		{"a form as JSON", "", object, `a=1`, "invalid_request"},
		{"no type", "", "", "a=1", "invalid_request"},
		{"text", "", "text/plain", "a=1", "invalid_request"},
		{"multipart", "", "multipart/form-data; boundary=b", "--b--", "invalid_request"},
		{"too large", "", form, "a=" + strings.Repeat("1", 1<<16), "invalid_request"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/token", strings.NewReader(tc.body))
		r.URL.RawQuery = tc.query
		if tc.kind != "" {
			r.Header.Set("Content-Type", tc.kind)
		}
		w := post(r, func(c *gin.Context) {
			got, err := tokenRequest(c, auth.SyncAccess)
			if err != nil {
				httpx.Fail(c, err)
				return
			}
			if got.Endpoint != auth.SyncAccess || got.Params["a"] != "1" || got.IP != "192.0.2.1" {
				t.Errorf("%s: %+v", tc.name, got)
			}
			httpx.NoContent(c)
		})
		if tc.code == "" {
			if w.Code != http.StatusNoContent {
				t.Errorf("%s: %d %s", tc.name, w.Code, w.Body)
			}
			continue
		}
		var e struct{ Error string }
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Error != tc.code || w.Code < 400 || w.Code >= 500 {
			t.Errorf("%s: %d %s", tc.name, w.Code, w.Body)
		}
	}
	compressed := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/token", strings.NewReader("a=1"))
	compressed.Header.Set("Content-Type", form)
	compressed.Header.Set("Content-Encoding", "gzip")
	w := post(compressed, func(c *gin.Context) {
		_, err := tokenRequest(c, nil)
		httpx.Fail(c, err)
	})
	if w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("a compressed body: %d", w.Code)
	}
}

// Every parameter that a grant reads as a secret, and the others that say whose it is, is refused in the URL.
func TestSecretParametersAreNotInTheURL(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"username", "password", "client_id", "client_secret", "client_assertion", "client_assertion_type", "assertion", "token", "refresh_token",
		"subject_token", "actor_token", "requested_subject", "scope", "grant_type",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/token?"+name+"=s3cret", strings.NewReader("a=1"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := post(r, func(c *gin.Context) {
			_, err := tokenRequest(c, nil)
			httpx.Fail(c, err)
		})
		if w.Code != http.StatusBadRequest || strings.Contains(w.Body.String(), "s3cret") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// The errors of the endpoints have the codes of RFC 6749 and a description in its characters, whatever went wrong.
func TestWriteFault(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err        error
		status     int
		code       string
		challenges string
	}{
		{&auth.Error{Code: auth.CodeInvalidGrant, Message: "x"}, 400, "invalid_grant", ""},
		{&auth.Error{Code: auth.CodeInvalidScope, Message: "x"}, 400, "invalid_scope", ""},
		{&auth.Error{Code: auth.CodeInvalidTarget, Message: "x"}, 400, "invalid_target", ""},
		{&auth.Error{Code: auth.CodeUnsupportedGrant, Message: "x"}, 400, "unsupported_grant_type", ""},
		{&auth.Error{Code: auth.CodeUnauthorizedUse, Message: "x"}, 400, "unauthorized_client", ""},
		{&auth.Error{Code: auth.CodeInvalidClient, Message: "x"}, 401, "invalid_client", "Basic"},
		{&auth.Error{Code: auth.CodeSlowDown, Message: "x", Retry: time.Second}, 429, "slow_down", ""},
		{auth.ErrUnavailable, 503, "temporarily_unavailable", ""},
		{errors.New("dial 10.0.0.7: password s3cret"), 500, "server_error", ""},
		{&httpx.Fault{Status: 400, Code: "bad_chunks", Message: "x"}, 400, "invalid_request", ""},
		{httpx.Unsupported("a \"quote\", a \\, a line\r\nbreak, ä and \x7f"), 415, "invalid_request", ""},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/oauth2/token", nil)
		w := post(r, func(c *gin.Context) { httpx.Fail(c, tc.err) })
		var e struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != tc.status || e.Error != tc.code {
			t.Errorf("%v: %d %s, want %d %s", tc.err, w.Code, w.Body, tc.status, tc.code)
		}
		for _, b := range []byte(e.Description) {
			if b < ' ' || b > '~' || b == '"' || b == '\\' {
				t.Errorf("%v: the description %q has the byte %q", tc.err, e.Description, b)
			}
		}
		h := w.Header()
		if !strings.HasPrefix(h.Get("WWW-Authenticate"), tc.challenges) || (h.Get("WWW-Authenticate") != "") != (tc.challenges != "") {
			t.Errorf("%v: challenge %q", tc.err, h.Get("WWW-Authenticate"))
		}
		if h.Get("Cache-Control") != "no-store" || h.Get("Pragma") != "no-cache" || h.Get("Content-Type") != "application/json" {
			t.Errorf("%v: %v", tc.err, h)
		}
		if strings.Contains(w.Body.String(), "s3cret") {
			t.Errorf("an internal error is shown: %s", w.Body)
		}
	}
}

// The format of errors is that of OAuth at these paths only.
func TestServes(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/token": true, "/appservices/token": true, "/oauth/v2/oauth-token": true, "/oauth2/token": true, "/oauth/introspect": true, "/oauth/revoke": true,
		"/": false, "/token/": false, "/Token": false, "/oauth2/token/x": false, "/v1/flows": false, auth.PathMetadata: false, "": false,
	} {
		if Serves(path) != want {
			t.Errorf("%q: %v", path, !want)
		}
	}
}
