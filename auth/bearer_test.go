package auth

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/store"
)

// The Authorization header decides which scheme counts, and an ambiguous one is an error.
func TestBearerHeaders(t *testing.T) {
	t.Parallel()
	a := newTestAuthority(t)
	token, _ := a.keyToken("")
	other, _ := a.keyToken("")
	for name, c := range map[string]struct {
		header []string
		id     string // of the principal; empty: none
		code   Code   // of the error; empty: none
	}{
		"as it should be":        {[]string{"Bearer " + token}, "key:key-a", ""},
		"in lower case":          {[]string{"bearer " + token}, "key:key-a", ""},
		"many spaces":            {[]string{"  BEARER \t " + token + " "}, "key:key-a", ""},
		"no header":              {nil, "", ""},
		"an empty header":        {[]string{""}, "", ""},
		"Basic":                  {[]string{"Basic " + token}, "", ""},
		"a word before":          {[]string{"Bearers " + token}, "", ""},
		"without a scheme":       {[]string{token}, "", ""},
		"two headers":            {[]string{"Bearer " + token, "Bearer " + other}, "", CodeUnauthorized},
		"twice the same":         {[]string{"Bearer " + token, "Bearer " + token}, "", CodeUnauthorized},
		"Basic and Bearer":       {[]string{"Basic x", "Bearer " + token}, "", CodeUnauthorized},
		"two tokens":             {[]string{"Bearer " + token + "," + other}, "", CodeUnauthorized},
		"two tokens with spaces": {[]string{"Bearer " + token + " " + other}, "", CodeUnauthorized},
		"no token":               {[]string{"Bearer"}, "", CodeUnauthorized},
		"quoted":                 {[]string{`Bearer "` + token + `"`}, "", CodeUnauthorized},
		"cut":                    {[]string{"Bearer " + token[:len(token)-1]}, "", CodeUnauthorized},
		"of another case":        {[]string{"Bearer " + store.TokenPrefix + strings.ToUpper(token[4:])}, "", CodeUnauthorized},
		"its hash":               {[]string{"Bearer " + store.TokenPrefix + strings.Repeat("A", 43)}, "", CodeUnauthorized},
		"a refresh token's form": {[]string{"Bearer " + store.RefreshPrefix + token[4:]}, "", CodeUnauthorized},
		"a wildcard":             {[]string{"Bearer *"}, "", CodeUnauthorized},
	} {
		p, err := a.Bearer().Authenticate(t.Context(), &Request{Header: http.Header{"Authorization": c.header}, Now: a.now})
		if c.code != "" {
			wantCode(t, name, err, c.code)
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := ""; p != nil {
			if got = p.String(); got != c.id {
				t.Errorf("%s: %s, want %q", name, got, c.id)
			}
		} else if c.id != "" {
			t.Errorf("%s: nobody, want %s", name, c.id)
		}
	}
}

// What a token may do is what was stored at its issue; its end is exact, and known for a day after.
func TestBearerPrincipal(t *testing.T) {
	t.Parallel()
	a := newTestAuthority(t)
	a.changeKey(func(k *store.Key) { k.Flows, k.Rate = []int64{69}, "10/s" })
	token, stored := a.keyToken("flows:run:69")
	p, err := a.principal(token)
	if err != nil || !p.May(ScopeRun, 69) || p.May(ScopeRun, 70) || p.May(ScopeReadRuns, 69) || p.Rate != "10/s" || p.Staff || p.Actor != "" {
		t.Errorf("%+v, %v", p, err)
	}
	answer, err := a.exchange(token, "requested_subject", "ann")
	if err != nil {
		t.Fatal(err)
	}
	acting, _ := answer.Body["access_token"].(string)
	p, err = a.principal(acting)
	if err != nil || p.String() != "user:ann" || p.Actor != "key-a" || p.Rate != "10/s" || p.Staff || p.May(ScopeRun, 70) {
		t.Errorf("acting as ann: %+v, %v", p, err)
	}
	for after, code := range map[time.Duration]Code{0: CodeForbidden, 23 * time.Hour: CodeForbidden} {
		a.now = stored.ExpiresAt.Add(after)
		_, err := a.principal(token)
		wantCode(t, after.String()+" after its end", err, code)
		var e *Error
		if errors.As(err, &e) && e.Bearer != CodeInvalidToken {
			t.Errorf("challenge %q", e.Bearer)
		}
	}
}

// A user's token of the password grant is staff's only for staff, and never when a key acts as the user.
func TestStaffTokens(t *testing.T) {
	t.Parallel()
	a := newTestAuthority(t)
	for name, c := range map[string]struct {
		roles []store.Role
		staff bool
	}{
		"plain":    {[]store.Role{store.RoleAPIUser}, false},
		"viewer":   {[]store.Role{store.RoleAPIUser, store.RoleViewer}, true},
		"operator": {[]store.Role{store.RoleAPIUser, store.RoleOperator}, true},
		"admin":    {[]store.Role{store.RoleAPIUser, store.RoleAdmin}, true},
	} {
		ann, err := a.config.Store.Users().User(t.Context(), "ann")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.config.Store.Users().Create(t.Context(), store.User{Name: name, Hash: ann.Hash, Roles: c.roles}); err != nil {
			t.Fatal(err)
		}
		a.changeKey(func(k *store.Key) { k.Impersonate = append(k.Impersonate, name) })
		token, _ := a.granted(SyncAccess, "", "grant_type", "password", "username", name, "password", testPassword)
		if p, err := a.principal(token); err != nil || p.Staff != c.staff {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		own, _ := a.keyToken("")
		answer, err := a.exchange(own, "requested_subject", name)
		if err != nil {
			t.Fatal(err)
		}
		acting, _ := answer.Body["access_token"].(string)
		p, err := a.principal(acting)
		if err != nil || p.Staff || p.Holds(ScopeUsers) || p.Holds(ScopeClients) || p.Holds(ScopeWriteQueues) {
			t.Errorf("a key that acts as %s: %+v, %v", name, p, err)
		}
	}
}
