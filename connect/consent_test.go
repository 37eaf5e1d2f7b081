package connect

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConsentURL(t *testing.T) {
	t.Parallel()
	a := newTokenServer(t)
	c := a.connection("oauth2_refresh", "authorize_url", "https://login.example.org/authorize?access_type=offline", "scope", "read write")
	target, err := Consent{Redirect: "https://p.example.org/console/authorised", State: "s1", Verifier: "v1"}.URL(&c)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("v1"))
	want := url.Values{
		"access_type": {"offline"}, "response_type": {"code"}, "client_id": {"c"}, "redirect_uri": {"https://p.example.org/console/authorised"},
		"state": {"s1"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}, "scope": {"read write"},
	}
	if diff := cmp.Diff(want, u.Query()); diff != "" || u.Host != "login.example.org" {
		t.Errorf("%s: %s", u, diff)
	}
	without := a.connection("oauth2_refresh", "refresh_token", "given")
	if _, err := (Consent{}).URL(&without); err == nil {
		t.Error("a connection without authorize_url has a URL")
	}
}

func TestRedeem(t *testing.T) {
	t.Parallel()
	a := newTokenServer(t)
	var form url.Values
	a.answer = func(w http.ResponseWriter, r *http.Request, n int64) bool {
		_ = r.ParseForm()
		form = r.PostForm
		switch r.PostFormValue("code") {
		case "expired":
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":"invalid_grant","error_description":"s3cret"}`))
			return true
		case "online":
			_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "t"})
			return true
		}
		return false
	}
	p := newTestFleet(t).newProcess()
	c := a.connection("oauth2_refresh", "authorize_url", a.URL+"/authorize")
	k := Consent{Redirect: "https://p.example.org/back", Verifier: "v1"}
	if token, err := p.Redeem(t.Context(), &c, k, "c0de"); token != "refresh-1" || err != nil {
		t.Errorf("%q, %v", token, err)
	}
	want := url.Values{"grant_type": {"authorization_code"}, "code": {"c0de"}, "redirect_uri": {k.Redirect}, "code_verifier": {"v1"}}
	if diff := cmp.Diff(want, form); diff != "" {
		t.Error(diff)
	}
	for code, want := range map[string]string{"expired": "answered 400 invalid_grant", "online": "gave no refresh token"} {
		_, err := p.Redeem(t.Context(), &c, k, code)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %q", code, err, want)
		}
	}
}

// Steps that use a connection without authorisation get an error that says so.
func TestNotYetAuthorised(t *testing.T) {
	t.Parallel()
	a := newTokenServer(t)
	p := newTestFleet(t).newProcess()
	p.put(a.connection("oauth2_refresh", "authorize_url", a.URL+"/authorize"))
	_, _, err := p.call(t.Context(), "api", "GET", a.URL+"/api", "")
	if err == nil || !strings.Contains(err.Error(), "it has not been authorised yet") {
		t.Errorf("%v", err)
	}
	if n := a.asked.Load(); n != 0 {
		t.Errorf("%d requests for a token", n)
	}
}
