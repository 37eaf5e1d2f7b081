package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/store"
)

const (
	callbackURI = "https://agent.example.com/back"
	verifier    = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636, appendix B
)

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// newRegistering returns an authority where clients register themselves, a client and a user.
func newRegistering(t *testing.T) (*Authority, *store.PublicClient, *store.User) {
	t.Helper()
	a := newAuthority(t, noWait{})
	a.config.Authorize = "https://penstock.example.org/console/authorize"
	a.grants[Integrify] = append(a.grants[Integrify], codeGrant{a})
	u, err := a.config.Store.Users().Create(t.Context(), store.User{Name: "olga", Hash: "x", Roles: []store.Role{store.RoleAPIUser, store.RoleOperator}})
	if err != nil {
		t.Fatal(err)
	}
	c := &store.PublicClient{Name: "Agent", Redirects: []string{callbackURI, "http://127.0.0.1:1234/back"}}
	if err := a.RegisterClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return a, c, u
}

func requestOf(c *store.PublicClient, change ...string) url.Values {
	q := url.Values{
		"response_type": {"code"}, "client_id": {c.ID}, "redirect_uri": {callbackURI}, "state": {"s t"}, "scope": {"flows:run runs:read"},
		"code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"}, "resource": {"https://penstock.example.org/mcp"},
	}
	for i := 0; i < len(change); i += 2 {
		q.Set(change[i], change[i+1])
	}
	return q
}

func TestRegisterClient(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, noWait{})
	for uri, ok := range map[string]bool{
		"https://a.example/x?y=1": true, "http://127.0.0.1:99/": true, "http://[::1]/": true, "http://localhost:1/a": true,
		"http://a.example/": false, "http://127.0.0.1.a.example/": false, "javascript:alert(1)": false, "https:///x": false, "https://u@a.example/": false,
		"https://a.example/#x": false, "app:/x": false, "/x": false, "https://a.example/" + strings.Repeat("x", 600): false,
	} {
		err := a.RegisterClient(t.Context(), &store.PublicClient{Redirects: []string{uri}})
		if (err == nil) != ok {
			t.Errorf("%.40s: %v", uri, err)
		}
	}
	for _, c := range []*store.PublicClient{{}, {Redirects: slices.Repeat([]string{callbackURI}, 9)}, {Redirects: []string{callbackURI}, Name: "a\nb"}, {Redirects: []string{callbackURI}, Name: strings.Repeat("x", 101)}} {
		if err := a.RegisterClient(t.Context(), c); asError(err) == nil || asError(err).Code != CodeInvalidRequest {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// Only a client that is known, with a redirect URI that it registered, is told of mistakes.
func TestParseAuthorization(t *testing.T) {
	t.Parallel()
	a, c, _ := newRegistering(t)
	for _, tc := range []struct {
		name   string
		change []string
		to     string // where a refusal goes; empty: to nobody
		ok     bool
	}{
		{"right", nil, "", true},
		{"another port of a loopback address", []string{"redirect_uri", "http://127.0.0.1:4321/back"}, "", true},
		{"without state and scope", []string{"state", "", "scope", ""}, "", true},
		{"unknown client", []string{"client_id", "public-x"}, "", false},
		{"another redirect URI", []string{"redirect_uri", "https://evil.example/back"}, "", false},
		{"another path", []string{"redirect_uri", callbackURI + "/more"}, "", false},
		{"another query", []string{"redirect_uri", callbackURI + "?a=1"}, "", false},
		{"another loopback path", []string{"redirect_uri", "http://127.0.0.1:4321/evil"}, "", false},
		{"no PKCE", []string{"code_challenge", ""}, "invalid_request", false},
		{"plain PKCE", []string{"code_challenge_method", "plain"}, "invalid_request", false},
		{"token in the URL", []string{"response_type", "token"}, "unsupported_response_type", false},
		{"another resource", []string{"resource", "https://penstock.example.org.evil.example/mcp"}, "invalid_target", false},
	} {
		r, err := a.ParseAuthorization(t.Context(), requestOf(c, tc.change...))
		var refused *AuthorizationError
		switch {
		case tc.ok:
			if err != nil || r.Client.Name != "Agent" {
				t.Errorf("%s: %v", tc.name, err)
			}
		case tc.to == "":
			if !errors.Is(err, ErrNoClient) {
				t.Errorf("%s: %v", tc.name, err)
			}
		case !errors.As(err, &refused) || !strings.HasPrefix(refused.URL, callbackURI+"?") || !strings.Contains(refused.URL, "error="+tc.to) || !strings.Contains(refused.URL, "state=s+t"):
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	if _, err := a.ParseAuthorization(t.Context(), url.Values{"client_id": {c.ID, "other"}}); asError(err) == nil {
		t.Errorf("a parameter that comes twice: %v", err)
	}
}

// A code is valid once, for the client, the redirect URI and the verifier, and gives no more than the user has approved.
func TestCodeGrant(t *testing.T) {
	t.Parallel()
	a, c, u := newRegistering(t)
	other := &store.PublicClient{Redirects: []string{callbackURI}}
	if err := a.RegisterClient(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	approve := func(scopes ...Scope) string {
		r, err := a.ParseAuthorization(t.Context(), requestOf(c))
		if err != nil {
			t.Fatal(err)
		}
		back, err := a.Approve(t.Context(), r, u, scopes)
		if err != nil {
			t.Fatal(err)
		}
		to, err := url.Parse(back)
		if err != nil || !strings.HasPrefix(back, callbackURI+"?") || to.Query().Get("state") != "s t" || to.Query().Get("iss") != "https://penstock.example.org" {
			t.Fatalf("%s, %v", back, err)
		}
		return to.Query().Get("code")
	}
	redeem := func(code string, change ...string) (*TokenAnswer, error) {
		params := map[string]string{"grant_type": typeCode, "code": code, "client_id": c.ID, "redirect_uri": callbackURI, "code_verifier": verifier}
		for i := 0; i < len(change); i += 2 {
			params[change[i]] = change[i+1]
		}
		return a.Token(t.Context(), &TokenRequest{Endpoint: Integrify, Params: params})
	}
	code := approve(ScopeRun, ScopeWriteRuns) // the client did not ask for the second one
	answer, err := redeem(code)
	if err != nil || answer.Token.Principal != "olga" || !slices.Equal(answer.Token.Scopes, []string{"flows:run"}) || answer.Body["scope"] != "flows:run" {
		t.Fatalf("%+v, %v", answer, err)
	}
	refused := func(what string, err error, code Code) {
		t.Helper()
		if asError(err) == nil || asError(err).Code != code {
			t.Errorf("%s: %v, want %s", what, err, code)
		}
	}
	_, err = redeem(code)
	refused("a second time", err, CodeInvalidGrant)
	for _, change := range [][]string{{"client_id", other.ID}, {"redirect_uri", "http://127.0.0.1:1234/back"}, {"code_verifier", verifier + "x"}, {"code_verifier", challengeOf(verifier)}} {
		wrong := approve(ScopeRun)
		_, err = redeem(wrong, change...)
		refused(change[0], err, CodeInvalidGrant)
		_, err = redeem(wrong)
		refused("after a wrong "+change[0], err, CodeInvalidGrant)
	}
	_, err = redeem(approve(ScopeRun), "scope", "runs:read")
	refused("more than was approved", err, CodeInvalidScope)
	_, err = redeem(approve(ScopeRun), "code_verifier", "")
	refused("no verifier", err, CodeInvalidRequest)
	code = approve(ScopeRun)
	if _, err := a.config.Store.Users().Change(t.Context(), "olga", func(u *store.User) error { u.Roles = []store.Role{store.RoleViewer}; return nil }); err != nil {
		t.Fatal(err)
	}
	_, err = redeem(code)
	refused("the user may not call the API any more", err, CodeInvalidGrant)
}
