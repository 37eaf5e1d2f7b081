package console

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/auth/oidc"
	"github.com/penstock/penstock/auth/oidc/oidctest"
	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/store"
)

// newSignOnConsole returns a console whose users may sign in at a provider.
func newSignOnConsole(t *testing.T, passwords string) (*testConsole, *oidctest.Provider) {
	t.Helper()
	at := oidctest.New(t)
	settings, err := oidc.ParseSettings([]byte("issuer: " + at.URL + "\nclient_id: " + oidctest.ClientID + "\nname: Acme\nroles: {admin: [boss], viewer: [staff], developer: [partners]}\npasswords: " + passwords))
	must(t, err)
	return newTestConsole(t, func(c *Config) { c.SignOn, c.AdminUser = oidc.New(settings, oidctest.Secret, nil), "root" }), at
}

// follow gets a page that redirects to another one, here or at the provider, and returns the address there.
func (b *browser) follow(path string) *url.URL {
	b.t.Helper()
	w := b.do(httptest.NewRequestWithContext(b.t.Context(), http.MethodGet, path, nil))
	to, err := w.Result().Location()
	if err != nil {
		b.t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
	}
	return to
}

// atProvider goes on at the provider, and returns the path with which it sends the browser back.
func (b *browser) atProvider(to *url.URL) string {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, to.String(), nil)
	must(b.t, err)
	response, err := (&http.Transport{}).RoundTrip(r)
	must(b.t, err)
	must(b.t, response.Body.Close())
	back, err := response.Location()
	must(b.t, err)
	return back.RequestURI()
}

func person(name string, groups ...string) map[string]any {
	return map[string]any{"sub": "sub-of-" + name, "preferred_username": name, "groups": groups}
}

// A person signs in at the provider, sees the page that was asked for, loses a role with a group, and signs out there, too.
func TestSignInAtTheProvider(t *testing.T) {
	t.Parallel()
	d, at := newSignOnConsole(t, oidc.PasswordsAll)
	at.SignIn(person("zoe", "boss"), nil)
	b := d.browser()
	if page := b.page("/signin?to=/console/runs"); !strings.Contains(page, "Sign in with Acme") || !strings.Contains(page, `href="/console/signin/provider?to=%2Fconsole%2Fruns"`) {
		t.Error("the form does not lead to the provider")
	}
	back := b.atProvider(b.follow("/console/signin/provider?to=/console/runs"))
	if to := b.follow(back); to.Path != "/console/runs" {
		t.Errorf("signed in: sent to %s", to)
	}
	if page := b.page("/access/users/zoe"); !strings.Contains(page, at.URL) {
		t.Error("the page of the user does not name the provider")
	}
	if page := b.page("/account"); strings.Contains(page, `name="current"`) || !strings.Contains(page, at.URL) {
		t.Error("the account has a form for a password that does not exist")
	}
	if user, err := d.config.Store.Users().User(t.Context(), "zoe"); err != nil || user.Hash != "" || !slices.Equal(user.Roles, []store.Role{store.RoleAdmin}) {
		t.Errorf("user %+v, %v", user, err)
	}
	for _, secret := range []string{"", testSecret} {
		if w := d.browser().signIn("zoe", secret); w.Code != http.StatusUnauthorized {
			t.Errorf("signed in with the password %q, which there is not: %d", secret, w.Code)
		}
		if user, err := d.config.Authority.User(t.Context(), "zoe", secret, "192.0.2.7"); user != nil || err != nil {
			t.Errorf("the password %q at the API: %v, %v", secret, user, err)
		}
	}
	if w := b.do(httptest.NewRequestWithContext(t.Context(), http.MethodGet, back, nil)); w.Code != http.StatusForbidden {
		t.Errorf("the same response again: %d", w.Code)
	}
	entries := b.page("/access/audit")
	if !strings.Contains(entries, "Signed in at the provider") {
		t.Error("the audit log does not have who was made")
	}

	at.SignIn(person("zoe", "staff"), nil)
	other := d.browser()
	other.follow(other.atProvider(other.follow("/console/signin/provider")))
	b.wantSignedIn("a role was lost", false)
	w := other.post("/signout")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), at.URL+"/end?") || !strings.Contains(w.Body.String(), "id_token_hint=") {
		t.Errorf("signed out: %d %s", w.Code, w.Body)
	}
	other.wantSignedIn("signed out", false)
}

// A response of the provider that this browser did not ask for starts no session (RFC 6819, section 4.4.1.8), nor does one
// for the other site.
func TestResponsesForOtherBrowsers(t *testing.T) {
	t.Parallel()
	d, at := newSignOnConsole(t, oidc.PasswordsAll)
	at.SignIn(person("zoe", "staff"), nil)
	attacker, victim := d.browser(), d.browser()
	back := attacker.atProvider(attacker.follow("/console/signin/provider"))
	victim.follow("/console/signin/provider") // has an attempt of its own
	for name, path := range map[string]string{
		"of another browser": back, "without anything": "/console/signin/callback", "with a state that is a path": "/console/signin/callback?code=x&state=../x",
	} {
		w := victim.do(httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "was not begun in this browser") || victim.cookies[cookieSession] != "" {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if d.redis.Exists(t.Context(), session.Key(victim.cookies[cookieSession])).Val() != 0 {
		t.Error("the victim is signed in")
	}
}

// Where a sign-in leads to is a page of the site.
func TestDestinationAfterTheProvider(t *testing.T) {
	t.Parallel()
	d, at := newSignOnConsole(t, oidc.PasswordsAll)
	at.SignIn(person("zoe", "staff"), nil)
	for _, to := range []string{"https://evil.example.org/", "//evil.example.org/", "/console/../x", `/console/\evil`, "/developers/"} {
		b := d.browser()
		back := b.atProvider(b.follow("/console/signin/provider?to=" + url.QueryEscape(to)))
		if got := b.follow(back); got.String() != Root+"/" {
			t.Errorf("%s leads to %s", to, got)
		}
	}
}

func TestWhoMayNotSignInAtTheProvider(t *testing.T) {
	t.Parallel()
	d, at := newSignOnConsole(t, oidc.PasswordsAll)
	for name, c := range map[string]struct {
		claims map[string]any
		text   string
	}{
		"another user has the name": {person("root", "boss"), "another user of your name"},
		"no group with a role":      {person("zoe", "guests"), "none of your groups"},
		"no name":                   {map[string]any{"sub": "x", "groups": []string{"staff"}}, "by which name"},
		"a role for the other site": {person("dev", "partners"), "none of your groups"},
	} {
		at.SignIn(c.claims, nil)
		b := d.browser()
		back := b.atProvider(b.follow("/console/signin/provider"))
		w := b.do(httptest.NewRequestWithContext(t.Context(), http.MethodGet, back, nil))
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), c.text) || b.cookies[cookieSession] != "" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	at.SignIn(person("dev", "partners"), nil)
	b := d.browser() // who is no one in the console may use the portal
	if to := b.follow(b.atProvider(b.follow("/developers/signin/provider"))); to.Path != "/developers/" {
		t.Errorf("the developer is sent to %s", to)
	}
	at.Fail = "/token"
	back := b.atProvider(b.follow("/console/signin/provider"))
	if w := b.do(httptest.NewRequestWithContext(t.Context(), http.MethodGet, back, nil)); w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), "Acme does not answer") {
		t.Errorf("the provider is away: %d", w.Code)
	}
}

// With passwords for the administrator only, the user of the settings has a way back, and nobody else.
func TestPasswordsForTheAdministratorOnly(t *testing.T) {
	t.Parallel()
	d, _ := newSignOnConsole(t, oidc.PasswordsAdmin)
	if w := d.browser().signIn("vera", testSecret); w.Code != http.StatusUnauthorized {
		t.Errorf("vera: %d", w.Code)
	}
	if page := d.browser().page("/signin"); !strings.Contains(page, "<details") {
		t.Error("the form is not folded")
	}
	d.signedIn("root").wantSignedIn("root", true)
}
