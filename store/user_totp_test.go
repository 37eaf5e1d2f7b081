package store

import (
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

// The secret of an authenticator is sealed for its user, is sealed again with a new master key, and opens after that.
func TestSecretsOfAuthenticatorsAreSealed(t *testing.T) {
	t.Parallel()
	const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	k1, k2 := NewMasterKey(), NewMasterKey()
	f := newTestFleet(t)
	one, stop := f.startProcess(t, k1)
	ctx := t.Context()
	for _, name := range []string{"ann", "bob"} {
		if _, err := one.Users().Create(ctx, User{Name: name, Hash: "h", Roles: []Role{RoleViewer}}); err != nil {
			t.Fatal(err)
		}
	}
	u, err := one.Users().SetTOTP(ctx, "ann", secret, nil, time.Now(), func(*User) error { return nil })
	if err != nil || strings.Contains(u.TOTPSecret, secret) {
		t.Fatalf("%+v, %v", u, err)
	}
	stolen := *u
	stolen.Name = "bob"
	if _, err := one.Users().OpenTOTP(&stolen); err == nil {
		t.Error("it opens for another user")
	}
	if _, err := one.Users().SetTOTP(ctx, "bob", secret, nil, time.Now(), func(u *User) error { u.Hash = ""; return ErrNoPassword }); err == nil {
		t.Error("a check that refuses counts for nothing")
	}
	stop()
	two, _ := f.startProcess(t, k2, k1)
	testenv.Eventually(t, func() string {
		if two.MasterKey() != 0 || anyStale(t, two) {
			return "the secret is sealed with the old key"
		}
		return ""
	})
	now, err := two.Users().User(ctx, "ann")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := two.Users().OpenTOTP(now); err != nil || got != secret {
		t.Errorf("%q, %v", got, err)
	}
}
