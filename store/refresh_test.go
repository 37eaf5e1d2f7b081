package store

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// newFamily gives ann a family of refresh tokens with her current epoch, and an access token of it.
func newFamily(t *testing.T, s *Store, u *User, life time.Duration) (f *Family, refresh, access string) {
	t.Helper()
	now := time.Now()
	f = &Family{Kind: PrincipalUser, Principal: u.Name, Endpoint: "/oauth/token", Scopes: []string{"flows:run"}, ExpiresAt: now.Add(life), Epoch: u.Epoch}
	refresh, err := s.Tokens().IssueRefresh(t.Context(), f, now)
	if err != nil {
		t.Fatal(err)
	}
	return f, refresh, issueToken(t, s, Token{Kind: PrincipalUser, Principal: u.Name, Epoch: u.Epoch, Family: f.Key})
}

func newAnn(t *testing.T, s *Store) *User {
	t.Helper()
	u, err := s.Users().Create(t.Context(), User{Name: "ann", Hash: "h", Roles: []Role{RoleAPIUser}})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// isLive reports whether an access token is valid.
func isLive(t *testing.T, s *Store, access string) bool {
	t.Helper()
	found, err := s.Tokens().Find(t.Context(), access)
	if err != nil {
		t.Fatal(err)
	}
	return found.Live(time.Now())
}

// A refresh token is valid once: the next one of its family takes its place, with the same end.
func TestRefreshTokensRotate(t *testing.T) {
	t.Parallel()
	fleet := newTestFleet(t)
	s, elsewhere := fleet.open(t), fleet.openIdle(t)
	made, first, access := newFamily(t, s, newAnn(t, s), time.Hour)
	second, err := s.Tokens().Rotate(t.Context(), first)
	if err != nil || second == first || !strings.HasPrefix(second, RefreshPrefix) || len(second) != len(first) {
		t.Fatalf("%q after %q: %v", second, first, err)
	}
	found, err := elsewhere.Tokens().FindRefresh(t.Context(), second)
	if err != nil || found.Principal != "ann" || found.Endpoint != "/oauth/token" || !slices.Equal(found.Scopes, []string{"flows:run"}) ||
		!found.ExpiresAt.Equal(made.ExpiresAt) || found.Key != made.Key {
		t.Errorf("%+v, %v", found, err)
	}
	if !isLive(t, s, access) {
		t.Error("the access token of a family that was rotated is dead")
	}
	for name, value := range s.config.Redis.HGetAll(t.Context(), made.Key).Val() {
		if strings.Contains(value, first) || strings.Contains(value, second) {
			t.Errorf("%s of the family holds a token", name)
		}
	}
}

// A token that comes a second time revokes the whole family: one of the two bearers has stolen it.
func TestReusedRefreshTokens(t *testing.T) {
	t.Parallel()
	fleet := newTestFleet(t)
	s := fleet.open(t)
	u := newAnn(t, s)
	for name, use := range map[string]func(text string) error{
		"rotated": func(text string) error { _, err := s.Tokens().Rotate(t.Context(), text); return err },
		"found":   func(text string) error { _, err := s.Tokens().FindRefresh(t.Context(), text); return err },
	} {
		_, first, access := newFamily(t, s, u, time.Hour)
		_, untouched, other := newFamily(t, s, u, time.Hour)
		second, err := s.Tokens().Rotate(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		if err := use(first); !errors.Is(err, ErrReused) {
			t.Errorf("%s again: %v", name, err)
		}
		if _, err := s.Tokens().FindRefresh(t.Context(), second); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s again: the last token of the family: %v", name, err)
		}
		if isLive(t, s, access) {
			t.Errorf("%s again: the access token of the family lives", name)
		}
		if _, err := s.Tokens().FindRefresh(t.Context(), untouched); err != nil || !isLive(t, s, other) {
			t.Errorf("%s again: another family: %v", name, err)
		}
	}
}

// Of concurrent uses of one token exactly one succeeds.
func TestConcurrentRotations(t *testing.T) {
	t.Parallel()
	s := newTestFleet(t).open(t)
	_, first, _ := newFamily(t, s, newAnn(t, s), time.Hour)
	results := make([]error, 8)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { _, results[i] = s.Tokens().Rotate(t.Context(), first) })
	}
	all.Wait()
	rotated := 0
	for _, err := range results {
		switch {
		case err == nil:
			rotated++
		case !errors.Is(err, ErrReused) && !errors.Is(err, ErrNotFound): // the second of them: after the family was revoked
			t.Error(err)
		}
	}
	if rotated != 1 {
		t.Errorf("%d calls have rotated one token", rotated)
	}
}

// Whatever revokes the tokens of a principal revokes its families, and no text that is no token reaches Redis.
func TestRevokedRefreshTokens(t *testing.T) {
	t.Parallel()
	fleet := newTestFleet(t)
	s := fleet.open(t)
	u := newAnn(t, s)
	f, refresh, access := newFamily(t, s, u, time.Hour)
	if err := s.Tokens().RevokeFamily(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Tokens().FindRefresh(t.Context(), refresh); !errors.Is(err, ErrNotFound) || isLive(t, s, access) {
		t.Errorf("a revoked family: %v", err)
	}
	_, refresh, access = newFamily(t, s, u, time.Hour)
	if _, err := s.Users().Change(t.Context(), "ann", func(u *User) error { u.Hash = "other"; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Tokens().Rotate(t.Context(), refresh); !errors.Is(err, ErrNotFound) || isLive(t, s, access) {
		t.Errorf("the family of a user with another password: %v", err)
	}
	for _, text := range []string{"", RefreshPrefix, refresh + "A", refresh[:len(refresh)-1], "pst_" + refresh[4:], strings.Repeat("x", 1000)} {
		if _, err := s.Tokens().FindRefresh(t.Context(), text); !errors.Is(err, ErrNotFound) {
			t.Errorf("%.60q: %v", text, err)
		}
		if _, err := s.Tokens().Rotate(t.Context(), text); !errors.Is(err, ErrNotFound) {
			t.Errorf("rotate %.60q: %v", text, err)
		}
	}
}

// A principal has a bounded number of families, each of which ends with its last token.
func TestFamiliesAreBounded(t *testing.T) {
	t.Parallel()
	s := newTestFleet(t).open(t)
	u := newAnn(t, s)
	var families []*Family
	var first string
	for i := range maxFamilies + 1 {
		f, refresh, _ := newFamily(t, s, u, time.Hour+time.Duration(i)*time.Second)
		if families = append(families, f); i == 0 {
			first = refresh
		}
	}
	if _, err := s.Tokens().FindRefresh(t.Context(), first); !errors.Is(err, ErrNotFound) {
		t.Errorf("the oldest family: %v", err)
	}
	left := 0
	for _, f := range families {
		if ttl := s.config.Redis.PTTL(t.Context(), f.Key).Val(); ttl > 0 {
			if left++; ttl < maxTokenLife || ttl > 2*time.Hour+maxTokenLife {
				t.Errorf("a family is stored for %v", ttl)
			}
		}
	}
	if left != maxFamilies {
		t.Errorf("%d families are left, want %d", left, maxFamilies)
	}
	for _, bad := range []*Family{
		{Kind: PrincipalUser, Principal: "ann", ExpiresAt: time.Now().Add(time.Hour)},
		{Kind: PrincipalUser, Principal: "ann", Epoch: u.Epoch, ExpiresAt: time.Now().Add(-time.Second)},
	} {
		if _, err := s.Tokens().IssueRefresh(t.Context(), bad, time.Now()); err == nil {
			t.Errorf("issued for %+v", bad)
		}
	}
}

// The first use of an id in a scope is told to all later ones; scopes and ids cannot be mixed up.
func TestClaim(t *testing.T) {
	t.Parallel()
	fleet := newTestFleet(t)
	s, elsewhere := fleet.open(t), fleet.openIdle(t)
	for _, tc := range []struct {
		s              *Store
		scope, id, use string
		was            string
		first          bool
	}{
		{s, "signature:crm", "1", "GET /", "GET /", true},
		{elsewhere, "signature:crm", "1", "POST /", "GET /", false},
		{s, "signature:crm", "2", "POST /", "POST /", true},
		{s, "signature:cr", "m1", "POST /", "POST /", true},
		{s, "signature:other", "1", "PUT /", "PUT /", true},
	} {
		was, first, err := tc.s.Tokens().Claim(t.Context(), tc.scope, tc.id, tc.use, time.Minute)
		if err != nil || was != tc.was || first != tc.first {
			t.Errorf("%s %s: %q, %t, %v", tc.scope, tc.id, was, first, err)
		}
	}
	if ttl := s.config.Redis.PTTL(t.Context(), keyOnce("signature:crm", "1")).Val(); ttl <= 0 || ttl > time.Minute {
		t.Errorf("an id is known for %v", ttl)
	}
}
