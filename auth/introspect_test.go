package auth

import (
	"testing"

	"github.com/penstock/penstock/store"
)

// tokensOf issues one token of each kind of principal.
func (a *testAuthority) tokensOf() map[string]string {
	a.t.Helper()
	tokens := map[string]string{}
	tokens["client-a"], _ = a.granted(Integrify, "client-a:"+testPassword, "grant_type", "client_credentials")
	tokens["client-b"], _ = a.granted(Integrify, "client-b:"+testPassword, "grant_type", "client_credentials")
	tokens["ann"], _ = a.granted(SyncAccess, "", "grant_type", "password", "username", "ann", "password", testPassword)
	tokens["key-a"], _ = a.keyToken("")
	acting, err := a.exchange(tokens["key-a"], "requested_subject", "ann")
	if err != nil {
		a.t.Fatal(err)
	}
	tokens["key-a as ann"], _ = acting.Body["access_token"].(string)
	return tokens
}

// addClients adds client-b, and clients with each administrative scope, all with the password of client-a.
func (a *testAuthority) addClients() {
	a.t.Helper()
	old, err := a.config.Store.Clients().Client(a.t.Context(), "client-a")
	if err != nil {
		a.t.Fatal(err)
	}
	for id, scopes := range map[string][]string{
		"client-b": {"flows:run"}, "of-clients": {"clients:admin"}, "of-users": {"users:admin"}, "of-others": {"flows:write", "runs:write", "queues:write"}, "narrow": {"users:admin:1"},
	} {
		if _, err := a.config.Store.Clients().Create(a.t.Context(), store.Client{Identifier: id, Name: id, Hash: old.Hash, Scopes: scopes}); err != nil {
			a.t.Fatal(err)
		}
	}
}

// A client sees its own tokens only, unless it administers users or clients. Nothing else about a token of another
// principal is in the response, not even that it exists.
func TestIntrospectionIsForOwners(t *testing.T) {
	t.Parallel()
	a := newTestAuthority(t)
	a.addClients()
	tokens := a.tokensOf()
	for client, sees := range map[string]map[string]bool{
		"client-a":   {"client-a": true},
		"client-b":   {"client-b": true},
		"of-others":  {},
		"narrow":     {},
		"of-clients": {"client-a": true, "client-b": true, "ann": true, "key-a": true, "key-a as ann": true},
		"of-users":   {"client-a": true, "client-b": true, "ann": true, "key-a": true, "key-a as ann": true},
	} {
		for of, token := range tokens {
			got, err := a.Introspect(t.Context(), tokenRequest(nil, client+":"+testPassword, "token", token))
			if err != nil || got["active"] != sees[of] || !sees[of] && len(got) != 1 {
				t.Errorf("%s asks for the token of %s: %v, %v", client, of, got, err)
			}
		}
	}
	own := tokens["client-a"]
	for name, c := range map[string]struct {
		r    *TokenRequest
		code Code
	}{
		"nobody":               {tokenRequest(nil, "", "token", own), CodeInvalidClient},
		"a wrong secret":       {tokenRequest(nil, "client-a:guess", "token", own), CodeInvalidClient},
		"an unknown client":    {tokenRequest(nil, "client-x:"+testPassword, "token", own), CodeInvalidClient},
		"a user":               {tokenRequest(nil, "ann:"+testPassword, "token", own), CodeInvalidClient},
		"no token":             {tokenRequest(nil, "client-a:"+testPassword), CodeInvalidRequest},
		"a secret in two ways": {tokenRequest(nil, "client-a:"+testPassword, "token", own, "client_secret", testPassword), CodeInvalidRequest},
		"two names":            {tokenRequest(nil, "client-a:"+testPassword, "token", own, "client_id", "client-b"), CodeInvalidRequest},
	} {
		got, err := a.Introspect(t.Context(), c.r)
		wantCode(t, name, err, c.code)
		if got != nil {
			t.Errorf("%s gets %v", name, got)
		}
	}
	two := tokenRequest(nil, "client-a:"+testPassword, "token", own)
	two.Header.Add("Authorization", two.Header.Get("Authorization"))
	_, err := a.Introspect(t.Context(), two)
	wantCode(t, "two Authorization headers", err, CodeInvalidRequest)
}

func TestIntrospectionOfDeadTokens(t *testing.T) {
	t.Parallel()
	a := newTestAuthority(t)
	token, stored := a.granted(Integrify, "client-a:"+testPassword, "grant_type", "client_credentials")
	active := func(token string) any {
		got, err := a.Introspect(t.Context(), tokenRequest(nil, "client-a:"+testPassword, "token", token))
		if err != nil {
			t.Fatal(err)
		}
		return got["active"]
	}
	a.now = stored.ExpiresAt.Add(-1)
	if active(token) != true {
		t.Error("not active before its end")
	}
	a.now = stored.ExpiresAt
	if active(token) != false {
		t.Error("active at its end")
	}
	for _, no := range []string{"x", "pst_", token[:len(token)-1], token + "A", " " + token, store.RefreshPrefix + token[4:]} {
		if active(no) != false {
			t.Errorf("%q is active", no)
		}
	}
}

// Who may revoke what: a client its own tokens, when it authenticates; whoever has it a token of a user or key.
func TestRevocationIsForOwners(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		who, token string
		revoked    bool
		code       Code // empty: no error
	}{
		{"client-a", "client-a", true, ""},
		{"client-b", "client-a", false, ""}, // says nothing about the token of another
		{"of-clients", "client-a", false, ""},
		{"", "client-a", false, CodeInvalidClient},
		{"client-a", "ann", false, ""},
		{"client-a", "key-a", false, ""},
		{"", "ann", true, ""},
		{"", "key-a", true, ""},
		{"", "key-a as ann", true, ""},
	} {
		a := newTestAuthority(t)
		a.addClients()
		token, basic := a.tokensOf()[c.token], ""
		if c.who != "" {
			basic = c.who + ":" + testPassword
		}
		err := a.Revoke(t.Context(), tokenRequest(nil, basic, "token", token))
		if c.code != "" {
			wantCode(t, c.who, err, c.code)
		} else if err != nil {
			t.Errorf("%q revokes that of %s: %v", c.who, c.token, err)
		}
		if p, _ := a.principal(token); (p == nil) != c.revoked {
			t.Errorf("%q revokes that of %s: revoked %v, want %v", c.who, c.token, p == nil, c.revoked)
		}
	}
	a := newTestAuthority(t)
	for name, r := range map[string]*TokenRequest{
		"unknown":         tokenRequest(nil, "", "token", "pst_unknown"),
		"a refresh token": tokenRequest(nil, "", "token", store.RefreshPrefix+"unknown"),
		"twice":           tokenRequest(nil, "client-a:"+testPassword, "token", "x"),
	} {
		if err := a.Revoke(t.Context(), r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantCode(t, "no token", a.Revoke(t.Context(), tokenRequest(nil, "")), CodeInvalidRequest)
	wantCode(t, "a wrong secret", a.Revoke(t.Context(), tokenRequest(nil, "client-a:guess", "token", "x")), CodeInvalidClient)
	wantCode(t, "an empty client_id", a.Revoke(t.Context(), tokenRequest(nil, "", "token", "x", "client_id", "")), CodeInvalidClient)
}
