package api_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/store"
)

// refreshable is an authAPI whose users, keys and clients get refresh tokens.
func refreshable(t *testing.T) *authAPI {
	t.Helper()
	o := newAuthAPI(t)
	for _, path := range []string{"/v1/users/ann", "/v1/keys/signer", "/v1/clients/client-crm"} {
		if w := o.API("PATCH", path, basic("root", rootsPassword), `{"refresh_tokens":true}`); w.Code != 200 || o.object(w)["refresh_tokens"] != true {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	return o
}

// tokens returns the access and the refresh token of a response.
func (o *authAPI) tokens(w *httptest.ResponseRecorder) (access, refresh string) {
	o.T.Helper()
	access = o.token(w)
	refresh, _ = o.object(w)["refresh_token"].(string)
	if !strings.HasPrefix(refresh, store.RefreshPrefix) {
		o.T.Fatalf("no refresh token: %s", w.Body)
	}
	o.Hide(refresh)
	return access, refresh
}

func (o *authAPI) refresh(path, token string, header ...string) *httptest.ResponseRecorder {
	return o.form(path, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, header...)
}

// ways are how each kind of principal gets a refresh token, and which header its refreshes need.
func (o *authAPI) ways() map[string]func() (path string, first *httptest.ResponseRecorder, header []string) {
	return map[string]func() (string, *httptest.ResponseRecorder, []string){
		"user": func() (string, *httptest.ResponseRecorder, []string) {
			return "/token", o.form("/token", passwordForm), nil
		},
		"key": func() (string, *httptest.ResponseRecorder, []string) {
			return "/oauth2/token", o.integrify(o.signed(claims{"sub": nil})), nil
		},
		"client": func() (string, *httptest.ResponseRecorder, []string) {
			header := []string{"Authorization", crmBasic}
			return "/oauth/v2/oauth-token", o.ansira(o.assertion(), "", header...), header
		},
	}
}

func TestRefreshTokensRotate(t *testing.T) {
	t.Parallel()
	o := refreshable(t)
	for name, way := range o.ways() {
		path, w, header := way()
		access, first := o.tokens(w)
		w = o.refresh(path, first, header...)
		next, second := o.tokens(w)
		if next == access || first == second {
			t.Errorf("%s: the tokens are the same", name)
		}
		for _, token := range []string{access, next} {
			if w := o.run(bearer(token)); w.Code != http.StatusOK {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		}
		if w := o.run(bearer(second)); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: a refresh token passes for an access token: %d", name, w.Code)
		}
		// A second use is theft: nobody keeps anything.
		o.wantOAuthError(name+": used before", o.refresh(path, first, header...), 400, "invalid_grant")
		o.wantOAuthError(name+": the current one, after the theft", o.refresh(path, second, header...), 400, "invalid_grant")
		for _, token := range []string{access, next} {
			o.wantDead(name+": after the theft", o.run(bearer(token)))
		}
	}
}

func TestWhoGetsARefreshToken(t *testing.T) {
	t.Parallel()
	o := newAuthAPI(t)
	none := func(what string, w *httptest.ResponseRecorder) {
		t.Helper()
		if o.token(w); o.object(w)["refresh_token"] != nil {
			t.Errorf("%s got one: %s", what, w.Body)
		}
	}
	for name, way := range o.ways() {
		_, w, _ := way()
		none(name+" that is not allowed them", w)
	}
	o = refreshable(t)
	none("client_credentials", o.form("/oauth2/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", crmBasic))
	none("a key that acts as a user", o.integrify(o.signed(nil)))
}

func TestRefreshRefuses(t *testing.T) {
	t.Parallel()
	o := refreshable(t)
	_, ofAnn := o.tokens(o.form("/token", passwordForm))
	for what, w := range map[string]*httptest.ResponseRecorder{
		"another endpoint": o.refresh("/oauth2/token", ofAnn),
		"unknown":          o.refresh("/token", store.RefreshPrefix+strings.Repeat("a", 65)),
		"no such token":    o.refresh("/token", "x"),
		"an access token":  o.refresh("/token", o.annsToken()),
	} {
		o.wantOAuthError(what, w, 400, "invalid_grant")
	}
	o.wantOAuthError("none", o.refresh("/token", ""), 400, "invalid_request")
	o.wantOAuthError("in the URL", o.refresh("/token?refresh_token="+ofAnn, ofAnn), 400, "invalid_request")
	wide := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {ofAnn}, "scope": {"clients:admin"}}
	o.wantOAuthError("more scope", o.form("/token", wide), 400, "invalid_scope")
	_, ofCRM := o.tokens(o.ansira(o.assertion(), "", "Authorization", crmBasic))
	o.wantOAuthError("a client that does not authenticate", o.refresh("/oauth/v2/oauth-token", ofCRM), 401, "invalid_client")
	o.wantOAuthError("a wrong secret", o.refresh("/oauth/v2/oauth-token", ofCRM, "Authorization", basic("client-crm", "guess")), 401, "invalid_client")
	o.tokens(o.refresh("/oauth/v2/oauth-token", ofCRM, "Authorization", crmBasic)) // none of these has used it up
	o.tokens(o.refresh("/token", ofAnn))
}

// The scopes stay those of the first token; a refresh may narrow them for its access token only.
func TestRefreshKeepsTheScopes(t *testing.T) {
	t.Parallel()
	o := refreshable(t)
	_, token := o.tokens(o.form("/token", with(passwordForm, "scope", "flows:run:69 runs:read")))
	w := o.form("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "scope": {"runs:read"}})
	narrow, token := o.tokens(w)
	if w := o.run(bearer(narrow)); w.Code != http.StatusForbidden {
		t.Errorf("with the narrow token: %d", w.Code)
	}
	o.wantOAuthError("more than the first had", o.form("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "scope": {"flows:read"}}), 400, "invalid_scope")
	again, _ := o.tokens(o.refresh("/token", token))
	if w := o.run(bearer(again)); w.Code != http.StatusOK {
		t.Errorf("with the whole scope again: %d %s", w.Code, w.Body)
	}
}

func TestRefreshTokensEnd(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*authAPI, string){
		"after 30 days":     func(o *authAPI, _ string) { o.clock.pass(store.RefreshTTL) },
		"with the password": func(o *authAPI, _ string) { o.patchAnn(`{"password":"another-password"}`) },
		"with the user": func(o *authAPI, _ string) {
			o.API("DELETE", "/v1/users/ann", basic("root", rootsPassword), "")
		},
		"with the role":       func(o *authAPI, _ string) { o.patchAnn(`{"roles":["viewer"]}`) },
		"with the permission": func(o *authAPI, _ string) { o.patchAnn(`{"refresh_tokens":false}`) },
		"revoked": func(o *authAPI, token string) {
			if w := o.form("/oauth/revoke", url.Values{"token": {token}, "token_type_hint": {"refresh_token"}}); w.Code != 200 {
				o.T.Errorf("revoke: %d %s", w.Code, w.Body)
			}
		},
		"by 32 newer ones": func(o *authAPI, _ string) {
			for range 32 {
				o.clock.pass(time.Millisecond)
				o.tokens(o.form("/token", passwordForm))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := refreshable(t)
			access, token := o.tokens(o.form("/token", passwordForm))
			_, token = o.tokens(o.refresh("/token", token))
			end(o, token)
			o.wantOAuthError(name, o.refresh("/token", token), 400, "invalid_grant")
			if name == "revoked" || name == "by 32 newer ones" {
				o.wantDead("its access token", o.run(bearer(access)))
			}
		})
	}
	o := refreshable(t)
	_, token := o.tokens(o.form("/token", passwordForm))
	o.clock.pass(store.RefreshTTL - time.Second)
	o.tokens(o.refresh("/token", token))
}

func (o *authAPI) patchAnn(change string) {
	o.T.Helper()
	if w := o.API("PATCH", "/v1/users/ann", basic("root", rootsPassword), change); w.Code != 200 {
		o.T.Fatalf("change: %d %s", w.Code, w.Body)
	}
}

// Of concurrent uses of one refresh token at most one gets tokens.
func TestOneRefreshOfMany(t *testing.T) {
	t.Parallel()
	o := refreshable(t)
	_, token := o.tokens(o.form("/token", passwordForm))
	var group sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 8 {
		group.Go(func() {
			if w := o.refresh("/token", token); w.Code == http.StatusOK {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if won > 1 {
		t.Errorf("%d uses of one token were accepted", won)
	}
}

// Redis holds no refresh token, only hashes of them.
func TestRefreshTokensAreStoredHashed(t *testing.T) {
	t.Parallel()
	o := refreshable(t)
	_, token := o.tokens(o.form("/token", passwordForm))
	found := 0
	for keys := o.redis.Scan(t.Context(), 0, "*refresh*", 1000).Iterator(); keys.Next(t.Context()); {
		text := keys.Val()
		if all, err := o.redis.HGetAll(t.Context(), keys.Val()).Result(); err == nil {
			found++
			for _, value := range all {
				text += value
			}
		}
		if strings.Contains(text, token) || strings.Contains(text, token[len(store.RefreshPrefix):len(store.RefreshPrefix)+22]) || strings.Contains(text, token[len(token)-43:]) {
			t.Errorf("%s holds the token", keys.Val())
		}
	}
	if found != 1 {
		t.Errorf("%d families are stored, want 1", found)
	}
}
