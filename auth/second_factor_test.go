package auth

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/totp"
	"github.com/penstock/penstock/store"
)

// withTOTP gives a user with some roles a second factor.
func (a *testAuthority) withTOTP(name string, roles ...store.Role) (secret string, recovery []string) {
	a.t.Helper()
	users := a.config.Store.Users()
	hash, err := a.config.Hasher.Hash(a.t.Context(), "a password of "+name)
	if err == nil {
		_, err = users.Create(a.t.Context(), store.User{Name: name, Hash: hash, Roles: roles})
	}
	secret = totp.NewSecret()
	codes, hashes := totp.NewRecovery(name)
	if err == nil {
		_, err = users.SetTOTP(a.t.Context(), name, secret, hashes, a.now, func(*store.User) error { return nil })
	}
	if err != nil {
		a.t.Fatal(err)
	}
	return secret, codes
}

// The password alone of a user of the console who has a second factor does not open the API, and the response says what does. That of a program, which has none, does.
func TestAPasswordAloneDoesNotBypassTheSecondFactor(t *testing.T) {
	t.Parallel()
	a := newTestAuthority(t)
	a.withTOTP("person", store.RoleAdmin, store.RoleAPIUser)
	a.withTOTP("program", store.RoleAPIUser)
	if _, err := a.config.Store.Users().Change(t.Context(), "program", func(u *store.User) error { u.RemoveTOTP(); return nil }); err != nil {
		t.Fatal(err)
	}
	try := func(name, secret string) (basic, grant error) {
		header := http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+secret))}}
		_, basic = a.Basic().Authenticate(t.Context(), &Request{Header: header, Now: a.now, IP: "192.0.2.1"})
		_, grant = a.Token(t.Context(), &TokenRequest{Endpoint: SyncAccess, Params: map[string]string{"grant_type": "password", "username": name, "password": secret}, IP: "192.0.2.1"})
		return basic, grant
	}
	basic, grant := try("person", "a password of person")
	wantCode(t, "Basic", basic, CodeUnauthorized)
	wantCode(t, "the password grant", grant, CodeInvalidGrant)
	for _, err := range []error{basic, grant} {
		if !strings.Contains(err.Error(), "personal token") {
			t.Errorf("the response does not say what to do: %v", err)
		}
	}
	if basic, grant = try("program", "a password of program"); basic != nil || grant != nil {
		t.Errorf("a program: %v, %v", basic, grant)
	}
	if basic, grant = try("person", "wrong"); strings.Contains(basic.Error()+grant.Error(), "second factor") {
		t.Errorf("a wrong password learns of the second factor: %v, %v", basic, grant)
	}
}

// With RequireTOTP a person without a second factor does not use the API with the password either.
func TestRequiredSecondFactorAtTheAPI(t *testing.T) {
	t.Parallel()
	a := newTestAuthority(t)
	a.config.RequireTOTP = true
	for roles, want := range map[store.Role]bool{store.RoleViewer: true, store.RoleDeveloper: true, store.RoleAPIUser: false} {
		if got := a.passwordOnly(&store.User{Name: "ann", Roles: []store.Role{roles}}, nil) != ""; got != want {
			t.Errorf("%s: refused %t", roles, got)
		}
	}
}

// A code is accepted once, also the code of a neighbouring step, and a recovery code by one of many callers.
func TestCodesAreAcceptedOnce(t *testing.T) {
	t.Parallel()
	a := newTestAuthority(t)
	secret, recovery := a.withTOTP("eve", store.RoleViewer)
	users := a.config.Store.Users()
	u, err := users.User(t.Context(), "eve")
	if err != nil {
		t.Fatal(err)
	}
	for _, steps := range []int{-1, 0, 1} {
		code, err := totp.Code(secret, a.now.Add(time.Duration(steps)*totp.Step))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []bool{true, false} {
			if got, err := a.Code(t.Context(), u, code, "192.0.2.1"); got != want || err != nil {
				t.Errorf("step %d, use %d: %t, %v", steps, i+1, got, err)
			}
		}
	}
	results := make(chan bool)
	for range 4 { // each with the record as it was before
		go func() {
			right, err := a.Code(t.Context(), u, recovery[0], "192.0.2.1")
			results <- right && err == nil
		}()
	}
	accepted := 0
	for range 4 {
		if <-results {
			accepted++
		}
	}
	if accepted != 1 {
		t.Errorf("a recovery code was accepted %d times", accepted)
	}
	if now, err := users.User(t.Context(), "eve"); err != nil || len(now.Recovery) != totp.RecoveryCodes-1 || now.Epoch != u.Epoch {
		t.Errorf("left %d, %v: its use ends no session", len(now.Recovery), err)
	}
}
