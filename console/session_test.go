package console

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/store"
)

func (b *browser) wantSignedIn(what string, in bool) {
	b.t.Helper()
	if w := b.get("/runs"); (w.Code == http.StatusOK) != in {
		b.t.Errorf("%s: %d, want it open: %t", what, w.Code, in)
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("vera")
	b.wantSignedIn("at first", true)
	d.clock.advance(session.IdleLimit - time.Minute)
	b.wantSignedIn("used just in time", true)
	d.clock.advance(session.IdleLimit - time.Minute)
	b.wantSignedIn("used again", true)
	d.clock.advance(session.IdleLimit)
	b.wantSignedIn("idle for too long", false)

	b = d.signedIn("vera")
	for range 5 {
		d.clock.advance(session.LifeLimit / 6)
		b.wantSignedIn("in use", true)
	}
	d.clock.advance(session.LifeLimit / 6)
	b.wantSignedIn("too old, though used", false)
}

func TestSigningOutEndsTheSession(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("vera")
	kept := b.cookies[cookieSession]
	if w := b.post("/signout"); w.Code != http.StatusSeeOther {
		t.Fatalf("sign out: %d", w.Code)
	}
	b.wantSignedIn("signed out", false)
	b.cookies[cookieSession] = kept
	b.wantSignedIn("with the cookie kept", false)
}

func TestWhoChangesIsSignedOut(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	hash, err := d.config.Hasher.Hash(t.Context(), "another-password")
	must(t, err)
	for what, edit := range map[string]func(*store.User) error{
		"disabled":     func(u *store.User) error { u.Disabled = true; return nil },
		"new password": func(u *store.User) error { u.Hash = hash; return nil },
		"role lost":    func(u *store.User) error { u.Roles = []store.Role{store.RoleAPIUser}; return nil },
	} {
		name := strings.ReplaceAll(what, " ", "-")
		own, err := d.config.Hasher.Hash(t.Context(), testSecret)
		must(t, err)
		_, err = d.config.Store.Users().Create(t.Context(), store.User{Name: name, Hash: own, Roles: []store.Role{store.RoleViewer}})
		must(t, err)
		b := d.signedIn(name)
		b.wantSignedIn(what+", before", true)
		_, err = d.config.Store.Users().Change(t.Context(), name, edit)
		must(t, err)
		b.wantSignedIn(what, false)
	}
}

func TestTheCookieIsOnlyForUs(t *testing.T) {
	t.Parallel()
	for issuer, secure := range map[string]bool{"http://localhost:8080": false, "https://penstock.example.org": true} {
		d := newTestConsole(t, func(c *Config) { c.Issuer = issuer })
		b := d.browser()
		token := b.token(b.page("/signin"))
		w := b.form("/signin", []string{"user", "vera", "password", testSecret, "csrf", token})
		for _, c := range w.Result().Cookies() {
			if c.Name != cookieSession {
				continue
			}
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure != secure || c.Path != Root {
				t.Errorf("%s: cookie %+v", issuer, c)
			}
		}
		for _, key := range d.redis.Keys(t.Context(), "*").Val() {
			if strings.Contains(key, b.cookies[cookieSession]) {
				t.Errorf("the session is stored under its token: %s", key)
			}
		}
		if len(b.cookies[cookieSession]) < 52 {
			t.Errorf("token %q", b.cookies[cookieSession])
		}
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.browser()
	for user, secret := range map[string]string{"vera": "wrong", "nobody": testSecret, "ann": testSecret, "": ""} {
		w := b.signIn(user, secret)
		if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "The name or the password is wrong") {
			t.Errorf("%q: %d", user, w.Code)
		}
	}
	if w := b.form("/signin", []string{"user", "vera", "password", testSecret, "csrf", "AAAA"}); w.Code != http.StatusForbidden {
		t.Errorf("without the form's token: %d", w.Code)
	}
}

func TestGuessingIsSlowedDown(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.browser()
	for range 6 {
		b.signIn("vera", "wrong")
	}
	if w := b.signIn("vera", testSecret); w.Code != http.StatusTooManyRequests {
		t.Errorf("the right password after six wrong ones: %d", w.Code)
	}
	if w := d.browser().signIn("olga", testSecret); w.Code != http.StatusSeeOther {
		t.Errorf("somebody else: %d", w.Code)
	}
}

func TestWhereASignInLeads(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]string{
		"":                            "/console/",
		"/console/runs?filter=x":      "/console/runs?filter=x",
		"https://evil.example.org/":   "/console/",
		"//evil.example.org/console/": "/console/",
		"/\\evil.example.org":         "/console/",
		"/v1/runs":                    "/console/",
		"/console/../v1/runs":         "/console/",
		"/console/%2e%2e/v1/runs":     "/console/",
		"/console/.%2E/v1/runs":       "/console/",
		"/console/x/..":               "/console/",
		"/console/..;/v1/runs":        "/console/..;/v1/runs", // a name like others
		"/console/./..//evil.example": "/console/",
		"/consoles/":                  "/console/",
		"javascript:alert(1)":         "/console/",
	} {
		if got := consoleSite().safeDestination(to); got != want {
			t.Errorf("%q leads to %q, want %q", to, got, want)
		}
	}
	d := newTestConsole(t)
	b := d.browser()
	w := b.get("/runs?filter=flow+eq+1")
	if want := Root + "/signin?to=" + url.QueryEscape("/console/runs?filter=flow+eq+1"); w.Header().Get("Location") != want {
		t.Errorf("asked to sign in at %q, want %q", w.Header().Get("Location"), want)
	}
}

func TestTheTokenLooksDifferentEachTime(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("vera")
	one, two := b.token(b.page("/")), b.token(b.page("/"))
	if one == two {
		t.Error("two pages have the same token")
	}
	for _, token := range []string{one, two} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set(session.HeaderCSRF, token)
		s, err := d.sessions.Find(t.Context(), b.cookies[cookieSession], "192.0.2.1")
		must(t, err)
		if !session.ValidCSRF(r, s.CSRF) {
			t.Error("a token is not that of the session")
		}
	}
}
