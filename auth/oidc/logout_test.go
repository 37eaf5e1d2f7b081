package oidc

import (
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/penstock/penstock/auth/oidc/oidctest"
)

// A logout token is one of the provider, for this client, of now, with the event and without a nonce; nothing else ends a session.
func TestLogoutTokens(t *testing.T) {
	t.Parallel()
	at := oidctest.New(t)
	settings, err := ParseSettings([]byte("issuer: " + at.URL + "\nclient_id: " + oidctest.ClientID + "\nroles: {viewer: [staff]}"))
	if err != nil {
		t.Fatal(err)
	}
	p, now := New(settings, oidctest.Secret, nil), time.Now()
	token := func(change map[string]any) string {
		claims := map[string]any{
			"iss": at.URL, "aud": oidctest.ClientID, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": "1", "sub": "ann", "sid": "s",
			"events": map[string]any{logoutEvent: map[string]any{}},
		}
		maps.Copy(claims, change)
		maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
		return at.SignToken(claims)
	}
	if out, err := p.Logout(t.Context(), token(nil)); err != nil || *out != (Logout{"1", "ann", "s"}) {
		t.Errorf("%+v, %v", out, err)
	}
	for name, change := range map[string]map[string]any{
		"another issuer":          {"iss": "https://other.example.org"},
		"another client":          {"aud": "another"},
		"an ID token":             {"events": nil, "nonce": "n"},
		"a nonce":                 {"nonce": "n"},
		"another event":           {"events": map[string]any{"http://schemas.openid.net/event/other": map[string]any{}}},
		"an event that is a text": {"events": map[string]any{logoutEvent: "yes"}},
		"no jti":                  {"jti": nil},
		"nobody":                  {"sub": nil, "sid": nil},
		"over":                    {"exp": now.Add(-time.Second).Unix()},
		"of an hour ago":          {"iat": now.Add(-time.Hour).Unix()},
		"of the future":           {"iat": now.Add(time.Hour).Unix()},
		"without iat":             {"iat": nil},
	} {
		var refused *RefusedError
		if _, err := p.Logout(t.Context(), token(change)); !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.Logout(t.Context(), "eyJhbGciOiJub25lIn0.e30."); err == nil {
		t.Error("a token that is not signed is accepted")
	}
}
