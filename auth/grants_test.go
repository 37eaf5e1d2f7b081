package auth

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNarrow(t *testing.T) {
	t.Parallel()
	granted := []Scope{ScopeRun, "runs:read:69"}
	for _, tc := range []struct {
		requested string
		want      []Scope // nil: rejected
	}{
		{"", granted},
		{"  , ", granted},
		{"flows:run", []Scope{ScopeRun}},
		{"flows:run flows:run", []Scope{ScopeRun}},
		{"flows:run:7", []Scope{"flows:run:7"}}, // a part of what is granted
		{"runs:read:69,flows:run", []Scope{"runs:read:69", ScopeRun}},
		{"runs:read", nil},    // more than what is granted
		{"runs:read:70", nil}, // another flow
		{"flows:run:0", nil},
		{"flows:run:07", nil},
		{"flows:run:", nil},
		{"users:admin", nil},
		{"flows:run everything", nil},
	} {
		got, err := narrow(&TokenGrant{Scopes: granted}, tc.requested)
		if !slices.Equal(got, tc.want) || (err == nil) != (tc.want != nil) {
			t.Errorf("narrow(%q) = %q, %v", tc.requested, got, err)
		}
		if err != nil && asError(err).Code != CodeInvalidScope {
			t.Errorf("narrow(%q): code %q", tc.requested, asError(err).Code)
		}
	}
}

// Each endpoint accepts the grants of its product and no others.
func TestGrantsOfEndpoints(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, noWait{})
	for _, tc := range []struct {
		endpoint *Endpoint
		grant    string
		code     Code // empty: accepted
	}{
		{SyncAccess, "password", ""},
		{SyncAccess, "client_credentials", CodeUnsupportedGrant},
		{SyncAccess, typeJWTBearer, CodeUnsupportedGrant},
		{Ansira, typeJWTBearer, ""},
		{Ansira, "client_credentials", ""},
		{Ansira, "password", CodeUnsupportedGrant},
		{Integrify, typeJWTBearer, ""},
		{Integrify, typeExchange, ""},
		{Integrify, "client_credentials", ""},
		{Integrify, "password", CodeUnsupportedGrant},
		{Integrify, "authorization_code", CodeUnsupportedGrant},
		{Integrify, "", CodeInvalidRequest},
	} {
		g, err := a.grantOf(&TokenRequest{Endpoint: tc.endpoint, Params: map[string]string{"grant_type": tc.grant}})
		switch {
		case tc.code == "" && (err != nil || g.Type() != tc.grant):
			t.Errorf("%s, %s: %v", tc.endpoint.Name, tc.grant, err)
		case tc.code != "" && (asError(err) == nil || asError(err).Code != tc.code):
			t.Errorf("%s, %q: %v, want %s", tc.endpoint.Name, tc.grant, err, tc.code)
		}
	}
	if _, err := a.grantOf(&TokenRequest{Endpoint: Ansira, Params: map[string]string{}}); err == nil || !strings.Contains(err.Error(), "grant_type is missing") {
		t.Errorf("without grant_type: %v", err)
	}
}

func TestTokenResponse(t *testing.T) {
	t.Parallel()
	scopes := []Scope{ScopeRun, ScopeReadRuns}
	for _, tc := range []struct {
		name      string
		grant     TokenGrant
		requested string
		scope     any // nil: the response has no scope
		expires   int
	}{
		{"nothing requested", TokenGrant{TTL: time.Hour}, "", nil, 3600},
		{"scopes requested", TokenGrant{TTL: time.Hour}, "flows:run", "flows:run,runs:read", 3600},
		{"scopes included", TokenGrant{TTL: time.Hour, IncludeScope: true}, "", "flows:run,runs:read", 3600},
		{"separator of the client", TokenGrant{TTL: time.Hour, IncludeScope: true, Separator: " "}, "", "flows:run runs:read", 3600},
		{"reported lifetime", TokenGrant{TTL: time.Hour, ReportedTTL: 59 * time.Minute}, "", nil, 3540},
		{"further members", TokenGrant{TTL: time.Hour, Extra: map[string]any{"username": "ann"}}, "", nil, 3600},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := &TokenRequest{Endpoint: Ansira, Params: map[string]string{"scope": tc.requested}}
			body := tc.grant.body(r, "pst_text", scopes)
			if body["access_token"] != "pst_text" || body["token_type"] != "bearer" || body["expires_in"] != tc.expires || body["scope"] != tc.scope {
				t.Errorf("body %v", body)
			}
			for name, value := range tc.grant.Extra {
				if body[name] != value {
					t.Errorf("%s = %v, want %v", name, body[name], value)
				}
			}
		})
	}
}
