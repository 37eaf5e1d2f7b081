package auth

import (
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/store"
)

// keyToken returns an access token of key-a, for itself, with a scope that may be narrower; empty: all.
func (a *testAuthority) keyToken(scope string) (string, *store.Token) {
	a.t.Helper()
	return a.granted(Integrify, "", "grant_type", typeJWTBearer, "assertion", hs256(hsHeader, a.payload(""), testSecretA), "scope", scope)
}

func (a *testAuthority) exchange(token string, more ...string) (*TokenAnswer, error) {
	return a.ask(Integrify, "", append([]string{"grant_type", typeExchange, "subject_token", token, "subject_token_type", typeAccessToken}, more...)...)
}

// An exchanged token is never wider than the access token that it is exchanged for, whoever it stands for.
func TestExchangeKeepsTheScopes(t *testing.T) {
	t.Parallel()
	a := newTestAuthority(t)
	for _, tc := range []struct {
		held, user, asked string
		want              []string // nil: refused
	}{
		{"", "ann", "", []string{"flows:run", "runs:read"}},
		{"", "", "", []string{"flows:run", "runs:read"}},
		{"runs:read", "ann", "", []string{"runs:read"}},
		{"runs:read", "", "", []string{"runs:read"}},
		{"flows:run:69", "ann", "", []string{"flows:run:69"}},
		{"flows:run:69", "ann", "flows:run:69", []string{"flows:run:69"}},
		{"flows:run", "ann", "flows:run:69", []string{"flows:run:69"}},
		{"flows:run:69", "ann", "flows:run", nil},
		{"flows:run:69", "ann", "flows:run:70", nil},
		{"runs:read", "ann", "flows:run", nil},
		{"runs:read", "", "flows:run", nil},
		{"", "ann", "flows:read", nil}, // of the user, not of the key
		{"", "ann", "users:admin", nil},
	} {
		token, _ := a.keyToken(tc.held)
		got, err := a.exchange(token, "requested_subject", tc.user, "scope", tc.asked)
		if tc.want == nil {
			wantCode(t, tc.held+" for "+tc.asked, err, CodeInvalidScope)
			continue
		}
		if err != nil || !slices.Equal(got.Token.Scopes, tc.want) {
			t.Errorf("%q, as %q, for %q: %v, %v, want %v", tc.held, tc.user, tc.asked, got, err, tc.want)
		}
	}
}

// An exchange does not renew a token: the new one ends with the old one. A JWT gets a whole lifetime.
func TestExchangeKeepsTheEnd(t *testing.T) {
	t.Parallel()
	a := newTestAuthority(t)
	token, stored := a.keyToken("")
	end := stored.ExpiresAt
	for _, passed := range []time.Duration{0, 59 * time.Minute, 59*time.Second + 500*time.Millisecond} {
		a.now = a.now.Add(passed)
		for _, user := range []string{"", "ann"} {
			got, err := a.exchange(token, "requested_subject", user)
			if err != nil {
				t.Fatal(err)
			}
			if left := int(end.Sub(a.now) / time.Second); !got.Token.ExpiresAt.Equal(end) || got.Body["expires_in"] != left {
				t.Errorf("as %q after %v: ends at %v, in %v s, want %v, %d s", user, passed, got.Token.ExpiresAt, got.Body["expires_in"], end, left)
			}
			if user == "" {
				token, _ = got.Body["access_token"].(string) // the chain does not get longer either
			}
		}
	}
	a.now = end
	_, err := a.exchange(token)
	wantCode(t, "at its end", err, CodeInvalidGrant)
	text := hs256(hsHeader, a.payload(`"sub":"ann",`), testSecretA)
	got, err := a.ask(Integrify, "", "grant_type", typeExchange, "subject_token", text, "subject_token_type", typeJWT)
	if err != nil || !got.Token.ExpiresAt.Equal(a.now.Add(keyTokenTTL)) {
		t.Errorf("for a JWT: %+v, %v", got, err)
	}
}

// A token from an exchange is revoked with the family of refresh tokens of the token that it was exchanged for.
func TestExchangeStaysInTheFamily(t *testing.T) {
	t.Parallel()
	a := newTestAuthority(t)
	a.changeKey(func(k *store.Key) { k.RefreshTokens = true })
	answer, err := a.ask(Integrify, "", "grant_type", typeJWTBearer, "assertion", hs256(hsHeader, a.payload(""), testSecretA))
	if err != nil {
		t.Fatal(err)
	}
	token, _ := answer.Body["access_token"].(string)
	refresh, _ := answer.Body["refresh_token"].(string)
	got, err := a.exchange(token, "requested_subject", "ann")
	if err != nil || got.Body["refresh_token"] != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	acting, _ := got.Body["access_token"].(string)
	if p, err := a.principal(acting); err != nil || p.String() != "user:ann" || p.Actor != "key-a" {
		t.Errorf("it stands for %+v, %v", p, err)
	}
	if err := a.Revoke(t.Context(), tokenRequest(nil, "", "token", refresh)); err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{"the first": token, "the exchanged": acting} {
		if p, err := a.principal(token); p != nil || err == nil {
			t.Errorf("%s token is valid after the revocation of its refresh token", name)
		}
	}
}

// A change between the issue of a token and its exchange that revokes the token also ends the exchange.
func TestExchangeAfterAChange(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*testAuthority){
		"access switched off": func(a *testAuthority) { a.changeKey(func(k *store.Key) { k.APIAccess = false }) },
		"another secret":      func(a *testAuthority) { a.changeKey(func(k *store.Key) { k.Secret = "another secret" }) },
		"a flow lost":         func(a *testAuthority) { a.changeKey(func(k *store.Key) { k.Flows = []int64{1} }) },
		"not for ann":         func(a *testAuthority) { a.changeKey(func(k *store.Key) { k.Impersonate = nil }) },
		"deleted":             func(a *testAuthority) { _ = a.config.Store.Keys().Delete(a.t.Context(), "key-a") },
		"ann is disabled": func(a *testAuthority) {
			_, _ = a.config.Store.Users().Change(a.t.Context(), "ann", func(u *store.User) error { u.Disabled = true; return nil })
		},
		"ann is gone": func(a *testAuthority) { _ = a.config.Store.Users().Delete(a.t.Context(), "ann") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newTestAuthority(t)
			token, _ := a.keyToken("")
			if _, err := a.exchange(token, "requested_subject", "ann"); err != nil {
				t.Fatal(err)
			}
			change(a)
			_, err := a.exchange(token, "requested_subject", "ann")
			wantCode(t, name, err, CodeInvalidGrant)
		})
	}
}
