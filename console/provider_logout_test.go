package console

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/auth/oidc"
	"github.com/penstock/penstock/auth/oidc/oidctest"
)

// A sign-out at the provider ends the sessions that it names, of both sites, and of nobody else; its token counts once.
func TestSignOutAtTheProvider(t *testing.T) {
	t.Parallel()
	d, at := newSignOnConsole(t, oidc.PasswordsAll)
	enter := func(name, sid string) *browser {
		claims := person(name, "boss")
		claims["sid"] = sid
		at.SignIn(claims, nil)
		b := d.browser()
		b.follow(b.atProvider(b.follow("/console/signin/provider")))
		b.wantSignedIn(name+" with "+sid, true)
		return b
	}
	report := func(change map[string]any) (token string, status int) {
		now := time.Now()
		claims := map[string]any{
			"iss": at.URL, "aud": oidctest.ClientID, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": rand.Text(),
			"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
		}
		for name, value := range change {
			claims[name] = value
		}
		token = at.SignToken(claims)
		return token, d.report(token)
	}
	one, two, three, other := enter("zoe", "1"), enter("zoe", "2"), enter("zoe", "3"), enter("yan", "4")
	if _, status := report(map[string]any{"sub": "sub-of-zoe", "nonce": "n"}); status != http.StatusBadRequest {
		t.Errorf("an ID token: %d", status)
	}
	one.wantSignedIn("after what is no logout token", true)
	token, status := report(map[string]any{"sub": "sub-of-zoe", "sid": "1"})
	if status != http.StatusOK {
		t.Errorf("of one session: %d", status)
	}
	one.wantSignedIn("the one", false)
	two.wantSignedIn("another one", true)
	if status := d.report(token); status != http.StatusBadRequest {
		t.Errorf("the same token again: %d", status)
	}
	if _, status := report(map[string]any{"sid": "2"}); status != http.StatusOK {
		t.Errorf("by sid alone: %d", status)
	}
	two.wantSignedIn("the one with the sid", false)
	three.wantSignedIn("the third", true)
	if _, status := report(map[string]any{"sub": "sub-of-yan", "sid": "3"}); status != http.StatusOK {
		t.Errorf("a session of somebody else: %d", status)
	}
	three.wantSignedIn("with the sid under another subject", true)
	if _, status := report(map[string]any{"sub": "sub-of-zoe"}); status != http.StatusOK {
		t.Errorf("of the person: %d", status)
	}
	three.wantSignedIn("all of the person", false)
	other.wantSignedIn("somebody else", true)
	if _, status := report(map[string]any{"sub": "nobody"}); status != http.StatusOK {
		t.Errorf("of a stranger: %d", status)
	}
}

func (d *testConsole) report(token string) int {
	r := httptest.NewRequestWithContext(d.t.Context(), http.MethodPost, Root+signOnLogout, strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Code
}
