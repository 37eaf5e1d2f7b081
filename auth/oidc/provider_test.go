package oidc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/auth/oidc/oidctest"
	"github.com/penstock/penstock/store"
)

const redirect = "http://penstock.example.org/console/signin/callback"

var ann = map[string]any{"sub": "1234", "preferred_username": "ann", "email": "ann@example.org", "given_name": "Ann", "family_name": "Lee", "groups": []string{"ops"}}

func provider(at *oidctest.Provider, change func(*Settings)) *Provider {
	s := Settings{Issuer: at.URL, ClientID: oidctest.ClientID, Roles: map[store.Role][]string{store.RoleOperator: {"ops"}, store.RoleViewer: {"*"}}}
	if change != nil {
		change(&s)
	}
	return New(s.filled(), oidctest.Secret, nil)
}

// visit goes to the provider as a browser does, and returns the query with which it is sent back.
func visit(t *testing.T, address string) url.Values {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Transport{}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	back, err := response.Location()
	if err != nil {
		t.Fatal(err)
	}
	return back.Query()
}

// signIn signs a person in.
func signIn(t *testing.T, p *Provider) (*Identity, error) {
	t.Helper()
	a, address, err := p.Begin(t.Context(), redirect, "/console/")
	if err != nil {
		t.Fatal(err)
	}
	return p.Finish(t.Context(), a, redirect, visit(t, address))
}

func TestWhoSignsIn(t *testing.T) {
	t.Parallel()
	at := oidctest.New(t)
	at.SignIn(ann, nil)
	id, err := signIn(t, provider(at, nil))
	if err != nil {
		t.Fatal(err)
	}
	if id.Subject != "1234" || id.Name != "ann" || id.Profile != (store.Profile{Email: "ann@example.org", FirstName: "Ann", LastName: "Lee"}) ||
		!slices.Equal(id.Roles, []store.Role{store.RoleOperator, store.RoleViewer}) || strings.Count(id.IDToken, ".") != 2 {
		t.Errorf("%+v", id)
	}
}

// Claims that the ID token lacks come from the UserInfo endpoint; groups may be one text, or lie deeper.
func TestClaimsOfTheUserInfoEndpoint(t *testing.T) {
	t.Parallel()
	at := oidctest.New(t)
	at.SignIn(map[string]any{"sub": "1234"}, map[string]any{"nickname": "ann", "realm_access": map[string]any{"roles": "ops"}, "email": "no address"})
	id, err := signIn(t, provider(at, func(s *Settings) { s.Claims = Claims{"nickname", "realm_access.roles"} }))
	if err != nil || id.Name != "ann" || !slices.Equal(id.Groups, []string{"ops"}) || id.Profile != (store.Profile{}) {
		t.Errorf("%+v, %v", id, err)
	}
	at.SignIn(map[string]any{"sub": "1234"}, map[string]any{"sub": "another", "preferred_username": "ann"})
	wantRefused(t, provider(at, nil), ReasonToken)
	at.Fail = "/userinfo"
	at.SignIn(map[string]any{"sub": "1234"}, nil)
	var away *AwayError
	if _, err := signIn(t, provider(at, nil)); !errors.As(err, &away) {
		t.Errorf("without the endpoint: %v", err)
	}
}

func wantRefused(t *testing.T, p *Provider, reason Reason) {
	t.Helper()
	id, err := signIn(t, p)
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Reason != reason {
		t.Errorf("%+v, %v", id, err)
	}
}

// Tokens that do not prove who has signed in, here and now (RFC 9700, section 4).
func TestTokensThatProveNothing(t *testing.T) {
	t.Parallel()
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	part := base64.RawURLEncoding.EncodeToString
	for name, change := range map[string]func(*oidctest.Provider){
		"of another issuer": func(p *oidctest.Provider) {
			p.Claims = func(c map[string]any) { c["iss"] = "https://evil.example.org" }
		},
		"for another client": func(p *oidctest.Provider) { p.Claims = func(c map[string]any) { c["aud"] = "crm" } },
		"for several clients": func(p *oidctest.Provider) {
			p.Claims = func(c map[string]any) { c["aud"] = []string{"crm", oidctest.ClientID} }
		},
		"authorized for another": func(p *oidctest.Provider) { p.Claims = func(c map[string]any) { c["azp"] = "crm" } },
		"of another sign-in":     func(p *oidctest.Provider) { p.Claims = func(c map[string]any) { c["nonce"] = "x" } },
		"without nonce":          func(p *oidctest.Provider) { p.Claims = func(c map[string]any) { delete(c, "nonce") } },
		"over": func(p *oidctest.Provider) {
			p.Claims = func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() }
		},
		"signed by somebody else": func(p *oidctest.Provider) { p.Sign = func(c []byte) string { return oidctest.SignWith(stranger, c) } },
		"not signed": func(p *oidctest.Provider) {
			p.Sign = func(c []byte) string { return part([]byte(`{"alg":"none"}`)) + "." + part(c) + "." }
		},
		"absent": func(p *oidctest.Provider) { p.Sign = func([]byte) string { return "" } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := oidctest.New(t)
			at.SignIn(ann, nil)
			change(at)
			wantRefused(t, provider(at, nil), ReasonToken)
		})
	}
}

// Responses of another provider, of another sign-in, and those that say no (RFC 9207, RFC 6749 section 4.1.2.1).
func TestResponsesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(url.Values)
		reason Reason
	}{
		"of another provider":      {func(v url.Values) { v.Set("iss", "https://evil.example.org") }, ReasonProvider},
		"without issuer":           {func(v url.Values) { v.Del("iss") }, ReasonProvider},
		"of another state":         {func(v url.Values) { v.Set("state", "x") }, ReasonStale},
		"without state":            {func(v url.Values) { v.Del("state") }, ReasonStale},
		"refused by the person":    {func(v url.Values) { v.Set("error", "access_denied"); v.Del("code") }, ReasonProvider},
		"without code":             {func(v url.Values) { v.Del("code") }, ReasonProvider},
		"with the code of nobody":  {func(v url.Values) { v.Set("code", "x") }, ReasonProvider},
		"an error beside the code": {func(v url.Values) { v.Set("error", "x") }, ReasonProvider},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := oidctest.New(t)
			at.SignIn(ann, nil)
			at.Respond = c.change
			wantRefused(t, provider(at, nil), c.reason)
		})
	}
}

// An attempt belongs to one browser and to some minutes: the state, the verifier and the time are its own.
func TestAttemptsAreNotMixedUp(t *testing.T) {
	t.Parallel()
	at := oidctest.New(t)
	at.SignIn(ann, nil)
	p := provider(at, nil)
	mine, address, err := p.Begin(t.Context(), redirect, "")
	if err != nil {
		t.Fatal(err)
	}
	theirs, _, err := p.Begin(t.Context(), redirect, "")
	if err != nil {
		t.Fatal(err)
	}
	stolen := mine
	stolen.Verifier = theirs.Verifier // a code that was injected into another sign-in
	late := mine
	late.Began = late.Began.Add(-AttemptLimit - time.Second)
	for name, a := range map[string]Attempt{"none": {}, "another": theirs, "another verifier": stolen, "late": late} {
		var refused *RefusedError
		if _, err := p.Finish(t.Context(), a, redirect, visit(t, address)); !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.Finish(t.Context(), mine, redirect, visit(t, address)); err != nil {
		t.Error(err)
	}
}

// A provider that is away is asked again with the next sign-in, and its errors have nothing that it sent.
func TestAProviderThatIsAway(t *testing.T) {
	t.Parallel()
	at := oidctest.New(t)
	at.SignIn(ann, nil)
	at.Fail = "/.well-known/openid-configuration"
	p := provider(at, nil)
	var away *AwayError
	if _, _, err := p.Begin(t.Context(), redirect, ""); !errors.As(err, &away) {
		t.Fatalf("without discovery: %v", err)
	}
	if p.SignOut(t.Context(), "", "") != "" {
		t.Error("it has an address for signing out")
	}
	at.Fail = "/token"
	if _, err := signIn(t, p); !errors.As(err, &away) || strings.Contains(err.Error(), "a-secret-of-the-provider") {
		t.Errorf("without the token endpoint: %v", err)
	}
	at.Fail = ""
	if _, err := signIn(t, p); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}

func TestSignOutAtTheProvider(t *testing.T) {
	t.Parallel()
	at := oidctest.New(t)
	to, err := url.Parse(provider(at, nil).SignOut(t.Context(), "the.id.token", "http://here/console/signin"))
	if err != nil || to.Path != "/end" || to.Query().Get("id_token_hint") != "the.id.token" || to.Query().Get("client_id") != oidctest.ClientID ||
		to.Query().Get("post_logout_redirect_uri") != "http://here/console/signin" {
		t.Errorf("%v, %v", to, err)
	}
	at.Discover = func(document map[string]any) { delete(document, "end_session_endpoint") }
	if got := provider(at, nil).SignOut(t.Context(), "", ""); got != "" {
		t.Errorf("a provider that does not offer it: %s", got)
	}
}

// Whoever has https:// for the issuer is not sent to http://.
func TestEndpointsThatAreNotEncrypted(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint", ""} {
		var document map[string]string
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(document) }))
		defer server.Close()
		document = map[string]string{"issuer": server.URL}
		for _, each := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint"} {
			document[each] = server.URL + "/" + each
		}
		if name != "" {
			document[name] = "http://login.example.org/" + name
		}
		p := New(Settings{Issuer: server.URL, ClientID: "c"}.filled(), "", nil)
		p.client = server.Client()
		if _, _, err := p.Begin(t.Context(), redirect, ""); (err == nil) != (name == "") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
