package store

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

func TestUsers(t *testing.T) {
	t.Parallel()
	ctx, f := t.Context(), newTestFleet(t)
	here, there := f.open(t), f.open(t)
	ann, err := here.Users().Create(ctx, User{Name: "ann", Hash: "h", Roles: []Role{RoleAPIUser, RoleViewer}})
	if err != nil || ann.Epoch == "" || ann.CreatedAt.IsZero() {
		t.Fatalf("Create = %+v, %v", ann, err)
	}
	testenv.Until(t, "the user in another process", func() bool { _, err := there.Users().User(ctx, "ann"); return err == nil })
	if _, err := there.Users().Create(ctx, User{Name: "ann", Hash: "x"}); !errors.Is(err, ErrExists) {
		t.Errorf("a second ann: %v", err)
	}
	for name, edit := range map[string]func(*User) error{
		"a new name":     func(u *User) error { u.Name = "bob"; return nil },
		"a role of none": func(u *User) error { u.Roles = []Role{"root"}; return nil },
		"a role twice":   func(u *User) error { u.Roles = []Role{RoleAdmin, RoleAdmin}; return nil },
		"no password":    func(u *User) error { u.Hash = ""; return nil },
	} {
		if _, err := here.Users().Change(ctx, "ann", edit); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if err := here.Users().Delete(ctx, "ann"); err != nil {
		t.Fatal(err)
	}
	if err := here.Users().Delete(ctx, "ann"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a second delete: %v", err)
	}
	if _, err := here.Users().Change(ctx, "ann", func(*User) error { return nil }); !errors.Is(err, ErrNotFound) {
		t.Errorf("a change of nobody: %v", err)
	}
	for _, name := range []string{"", "a:b", "a b", "é", "-a", string(make([]byte, 65))} {
		if _, err := here.Users().Create(ctx, User{Name: name, Hash: "h"}); err == nil {
			t.Errorf("the name %q was accepted", name)
		}
	}
}

func TestAnEmptyEpochEndsTokens(t *testing.T) {
	t.Parallel()
	s := newTestFleet(t).open(t)
	made, err := s.Clients().Create(t.Context(), Client{Identifier: NewIdentifier(), Name: "CRM", Hash: "h"})
	if err != nil {
		t.Fatal(err)
	}
	same, err := s.Clients().Change(t.Context(), made.Identifier, func(c *Client) error { c.Name = "ERP"; return nil })
	if err != nil || same.Epoch != made.Epoch {
		t.Errorf("a new name ends tokens: %v", err)
	}
	other, err := s.Clients().Change(t.Context(), made.Identifier, func(c *Client) error { c.Epoch = ""; return nil })
	if err != nil || other.Epoch == made.Epoch || other.Epoch == "" {
		t.Errorf("tokens live on: %v", err)
	}
}

func TestClientsAreValidated(t *testing.T) {
	t.Parallel()
	s := newTestFleet(t).open(t)
	good := Client{Identifier: NewIdentifier(), Name: "CRM", Hash: "h"}
	made, err := s.Clients().Create(t.Context(), good)
	if err != nil || made.TokenTTL != 5 || made.TimeZone != "UTC" {
		t.Fatalf("Create = %+v, %v", made, err)
	}
	for name, spoil := range map[string]func(*Client){
		"no name":          func(c *Client) { c.Name = "" },
		"two lines":        func(c *Client) { c.Name = "a\r\nb" },
		"no secret":        func(c *Client) { c.Hash = "" },
		"tokens for ever":  func(c *Client) { c.TokenTTL = 1441 },
		"tokens for never": func(c *Client) { c.TokenTTL = -1 },
		"no such zone":     func(c *Client) { c.TimeZone = "Europe/Atlantis" },
		"the server's own": func(c *Client) { c.TimeZone = "Local" },
		"no date":          func(c *Client) { c.Expires = "2026-02-30" },
		"no address":       func(c *Client) { c.Remind = []string{"nobody"} },
		"a named address":  func(c *Client) { c.Remind = []string{"A <a@b.org>"} },
		"a header more":    func(c *Client) { c.Remind = []string{"a@b.org\r\nBcc: c@d.org"} },
	} {
		bad := good
		bad.Identifier = NewIdentifier()
		spoil(&bad)
		var invalid *InvalidError
		if _, err := s.Clients().Create(t.Context(), bad); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDeadlineIsTheMidnightThatEndsTheDay(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ zone, day, want string }{
		{"UTC", "2026-11-30", "2026-12-01T00:00:00Z"},
		{"America/Denver", "2026-11-30", "2026-12-01T07:00:00Z"},
		{"America/Denver", "2026-07-31", "2026-08-01T06:00:00Z"}, // summer time
		{"Pacific/Kiritimati", "2026-12-31", "2026-12-31T10:00:00Z"},
		{"Asia/Kathmandu", "2028-02-28", "2028-02-28T18:15:00Z"}, // the 29th begins
		{"UTC", "", "0001-01-01T00:00:00Z"},
	} {
		c := Client{TimeZone: tc.zone, Expires: tc.day}
		if got := c.Deadline().UTC().Format(time.RFC3339); got != tc.want {
			t.Errorf("%s in %s: %s, want %s", tc.day, tc.zone, got, tc.want)
		}
	}
}

// issueToken gives ann a token with her current epoch.
func issueToken(t *testing.T, s *Store, token Token) string {
	t.Helper()
	token.IssuedAt = time.Now()
	token.ExpiresAt = token.IssuedAt.Add(time.Minute)
	text, err := s.Tokens().Issue(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEveryReasonKillsAtOnce(t *testing.T) {
	t.Parallel()
	ctx, f := t.Context(), newTestFleet(t)
	here, elsewhere := f.open(t), f.openIdle(t)
	user := func(edit func(*User)) func(*Store) error {
		return func(s *Store) error {
			_, err := s.Users().Change(ctx, "ann", func(u *User) error { edit(u); return nil })
			return err
		}
	}
	client := func(edit func(*Client)) func(*Store) error {
		return func(s *Store) error {
			_, err := s.Clients().Change(ctx, "c1", func(c *Client) error { edit(c); return nil })
			return err
		}
	}
	key := func(edit func(*Key)) func(*Store) error {
		return func(s *Store) error {
			_, err := s.Keys().Change(ctx, "k1", func(k *Key) error { edit(k); return nil })
			return err
		}
	}
	for _, tc := range []struct {
		name string
		act  func(*Store) error
		dead string // whose tokens become invalid: u, c, k, and i of the key acting as the user
	}{
		{"nothing", func(*Store) error { return nil }, ""},
		{"a role more", user(func(u *User) { u.Roles = append(u.Roles, RoleOperator) }), ""},
		{"a role lost", user(func(u *User) { u.Roles = u.Roles[:1] }), "ui"},
		{"user disabled", user(func(u *User) { u.Disabled = true }), "ui"},
		{"user disabled and enabled", func(s *Store) error {
			return errors.Join(user(func(u *User) { u.Disabled = true })(s), user(func(u *User) { u.Disabled = false })(s))
		}, "ui"},
		{"password changed", user(func(u *User) { u.Hash = "other" }), "ui"},
		{"user deleted", func(s *Store) error { return s.Users().Delete(ctx, "ann") }, "ui"},
		{"user deleted and made again", func(s *Store) error {
			if err := s.Users().Delete(ctx, "ann"); err != nil {
				return err
			}
			_, err := s.Users().Create(ctx, User{Name: "ann", Hash: "h", Roles: []Role{RoleAPIUser, RoleViewer}})
			return err
		}, "ui"},
		{"client renamed", client(func(c *Client) { c.Name = "other"; c.Remind = []string{"a@b.org"}; c.TokenTTL = 9 }), ""},
		{"scope edit", client(func(c *Client) { c.Scopes = []string{"flows:run:1"} }), "c"},
		{"new assertion", client(func(c *Client) { c.Assertion = "a2" }), "c"},
		{"new secret", client(func(c *Client) { c.Hash = "other" }), "c"},
		{"client disabled", client(func(c *Client) { c.Disabled = true }), "c"},
		{"client deleted", func(s *Store) error { return s.Clients().Delete(ctx, "c1") }, "c"},
		{"key may act as one more", key(func(k *Key) { k.Impersonate = append(slices.Clone(k.Impersonate), "bob") }), ""},
		{"key may run one more flow", key(func(k *Key) { k.Flows = []int64{1, 2, 3} }), ""},
		{"key may act as nobody", key(func(k *Key) { k.Impersonate = nil }), "ki"},
		{"key lost a flow", key(func(k *Key) { k.Flows = []int64{1} }), "ki"},
		{"access switched off", key(func(k *Key) { k.APIAccess = false }), "ki"},
		{"public key", key(func(k *Key) { k.PublicKey = "pem" }), "ki"},
		{"rotation with overlap", func(s *Store) error { _, err := s.Keys().Rotate(ctx, "k1", time.Hour); return err }, ""},
		{"rotation without", func(s *Store) error { _, err := s.Keys().Rotate(ctx, "k1", 0); return err }, "ki"},
		{"key deleted", func(s *Store) error { return s.Keys().Delete(ctx, "k1") }, "ki"},
	} {
		u, err1 := here.Users().Create(ctx, User{Name: "ann", Hash: "h", Roles: []Role{RoleAPIUser, RoleViewer}})
		c, err2 := here.Clients().Create(ctx, Client{Identifier: "c1", Name: "c", Hash: "h", Assertion: "a1"})
		k, err3 := here.Keys().Create(ctx, Key{Key: "k1", Secret: "s", APIAccess: true, Flows: []int64{1, 2}, Impersonate: []string{"ann"}})
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		tokens := map[string]string{
			"u": issueToken(t, here, Token{Kind: PrincipalUser, Principal: "ann", Epoch: u.Epoch}),
			"c": issueToken(t, here, Token{Kind: PrincipalClient, Principal: "c1", Epoch: c.Epoch}),
			"k": issueToken(t, here, Token{Kind: PrincipalKey, Principal: "k1", Epoch: k.Epoch}),
			"i": issueToken(t, here, Token{Kind: PrincipalUser, Principal: "ann", Epoch: u.Epoch, Actor: "k1", ActorEpoch: k.Epoch}),
		}
		if err := tc.act(here); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		dead := ""
		for _, whose := range []string{"u", "c", "k", "i"} {
			found, err := elsewhere.Tokens().Find(ctx, tokens[whose]) // another process, which heard of nothing
			if err != nil {
				t.Fatalf("%s: %v", tc.name, err)
			}
			if !found.Live(time.Now()) {
				dead += whose
			}
		}
		if dead != tc.dead {
			t.Errorf("%s: dead are %q, want %q", tc.name, dead, tc.dead)
		}
		_, _, _ = here.Users().Delete(ctx, "ann"), here.Clients().Delete(ctx, "c1"), here.Keys().Delete(ctx, "k1")
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	ctx, f := t.Context(), newTestFleet(t)
	s := f.open(t)
	u, err := s.Users().Create(ctx, User{Name: "ann", Hash: "h"})
	if err != nil {
		t.Fatal(err)
	}
	text := issueToken(t, s, Token{Kind: PrincipalUser, Principal: "ann", Epoch: u.Epoch, Scopes: []string{"flows:run"}, Flows: []int64{7}})
	if len(text) != 47 || text[:4] != "pst_" {
		t.Errorf("token %q", text)
	}
	found, err := s.Tokens().Find(ctx, text)
	if err != nil || found.Principal != "ann" || !slices.Equal(found.Flows, []int64{7}) || !found.Live(time.Now()) {
		t.Errorf("Find = %+v, %v", found, err)
	}
	if found.Live(found.ExpiresAt) {
		t.Error("it lives at the moment of its end")
	}
	if ttl := s.config.Redis.PTTL(ctx, keyToken(text)).Val(); ttl < 24*time.Hour || ttl > 24*time.Hour+time.Minute {
		t.Errorf("it is known for %v", ttl)
	}
	other := []byte(text)
	other[len(other)-2] ^= 1
	for _, unknown := range []string{"", "pst_", string(other), text + "A", "xyz_" + text[4:]} {
		if _, err := s.Tokens().Find(ctx, unknown); !errors.Is(err, ErrNotFound) {
			t.Errorf("Find(%q): %v", unknown, err)
		}
	}
	if err := s.Tokens().Revoke(ctx, text); err != nil {
		t.Fatal(err)
	}
	if found, err := s.Tokens().Find(ctx, text); err != nil || found.Live(time.Now()) {
		t.Errorf("revoked: %+v, %v", found, err)
	}
	if err := s.Tokens().Revoke(ctx, string(other)); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown one was revoked: %v", err)
	}
	if _, err := s.Tokens().Issue(ctx, Token{Kind: PrincipalUser, Principal: "ann", ExpiresAt: time.Now()}); err == nil {
		t.Error("a token without an epoch was issued")
	}
	for _, want := range []bool{true, false} {
		if first, err := s.Tokens().MarkUsed(ctx, "iss", "jti", time.Minute); err != nil || first != want {
			t.Errorf("Once = %v, %v", first, err)
		}
	}
}

func TestSigningKeys(t *testing.T) {
	t.Parallel()
	ctx, f := t.Context(), newTestFleet(t)
	here, there := f.open(t), f.open(t)
	first, err := here.SigningKeys().Current(ctx)
	if err != nil {
		t.Fatal(err)
	}
	testenv.Until(t, "the key in another process", func() bool { _, err := there.SigningKeys().Find(ctx, first.ID); return err == nil })
	if same, err := there.SigningKeys().Current(ctx); err != nil || !same.Private.Equal(first.Private) {
		t.Errorf("another process signs with %v, %v", same, err)
	}
	second, err := here.SigningKeys().Rotate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if now, err := here.SigningKeys().Current(ctx); err != nil || now.ID != second.ID {
		t.Errorf("after the rotation %v signs, %v", now, err)
	}
	if _, err := here.SigningKeys().Find(ctx, first.ID); err != nil {
		t.Errorf("the old key does not verify: %v", err)
	}
	if err := here.SigningKeys().Delete(ctx, first.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := here.SigningKeys().Find(ctx, first.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("a deleted key: %v", err)
	}
}
