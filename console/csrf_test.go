package console

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/console/session"
	"github.com/penstock/penstock/store"
)

// Every method but GET and HEAD is a write.
func TestWrites(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]bool{
		http.MethodGet: false, http.MethodHead: false,
		http.MethodPost: true, http.MethodPut: true, http.MethodPatch: true, http.MethodDelete: true, http.MethodOptions: true, "get": true, "TRACE": true,
	} {
		if got := isWrite(&http.Request{Method: method}); got != want {
			t.Errorf("%s: %t", method, got)
		}
	}
}

// Only the roles for people open the console, and only those of users who are not disabled.
func TestConsoleRoles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		user store.User
		want []store.Role
	}{
		"an administrator":       {store.User{Roles: []store.Role{store.RoleAPIUser, store.RoleAdmin}}, []store.Role{store.RoleAdmin}},
		"two roles":              {store.User{Roles: []store.Role{store.RoleViewer, store.RoleOperator}}, []store.Role{store.RoleOperator, store.RoleViewer}},
		"an API user":            {store.User{Roles: []store.Role{store.RoleAPIUser}}, nil},
		"no role":                {store.User{}, nil},
		"a disabled user":        {store.User{Roles: []store.Role{store.RoleAdmin}, Disabled: true}, nil},
		"a role that is no role": {store.User{Roles: []store.Role{"root"}}, nil},
	} {
		if got := consoleRolesOf(&c.user); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// The errors of pages without a session have the same security headers as pages with one.
func TestSecurityHeadersOfErrors(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	for name, b := range map[string]*browser{"without a session": d.browser(), "with one": d.signedIn("vera")} {
		for _, path := range []string{"/nowhere", "/access/keys", "/flows/999", "/signin"} {
			h := b.get(path).Header()
			if p := h.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || strings.Contains(p, "unsafe") {
				t.Errorf("%s, %s: policy %q", name, path, p)
			}
			if h.Get("X-Frame-Options") != "DENY" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" {
				t.Errorf("%s, %s: %v", name, path, h)
			}
		}
	}
}

// A session ends for the browser that changed its cookie, and a session of an unknown token is not created.
func TestChangedSessionCookies(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	b := d.signedIn("vera")
	own := b.cookies[cookieSession]
	before := len(d.redis.Keys(t.Context(), "penstock:console:session:*").Val())
	for _, cookie := range []string{"", own[:len(own)-1], own + "A", strings.ToLower(own), session.Key(own), "*"} {
		b.cookies[cookieSession] = cookie
		b.wantSignedIn("with the cookie "+cookie, false)
		b.cookies[cookieSession] = own
	}
	b.wantSignedIn("with its own cookie", true)
	if after := len(d.redis.Keys(t.Context(), "penstock:console:session:*").Val()); after != before {
		t.Errorf("%d sessions, before %d", after, before)
	}
}
