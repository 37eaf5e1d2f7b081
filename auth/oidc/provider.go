package oidc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

const (
	// AttemptLimit is how long a person may take at the provider.
	AttemptLimit = 15 * time.Minute
	// callLimit is the time of one request to the provider.
	callLimit = 10 * time.Second
	// maxResponse is the size of one response of the provider, in bytes.
	maxResponse = 1 << 20
	// maxIDToken is the size of an ID token that is kept for signing out, in bytes.
	maxIDToken = 16 << 10
)

// Provider is where people sign in. It is contacted when somebody does, so that a process starts without it. Safe for concurrent use.
type Provider struct {
	settings Settings
	secret   string // of the client; empty: a public client, which PKCE alone protects
	client   *http.Client
	tokens   *Issuer // verifies what the provider sends by itself
	now      func() time.Time

	flight singleflight.Group    // those who sign in while the provider is asked about itself wait for one answer
	found  atomic.Pointer[found] // nil: not yet
}

// found is what the provider says about itself (OpenID Connect Discovery 1.0).
type found struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	endpoint oauth2.Endpoint
	signOut  string // OpenID Connect RP-Initiated Logout 1.0; empty: not offered
	namesIss bool   // responses name the issuer (RFC 9207)
}

// New returns a Provider. secret is that of the client; it may be empty. now may be nil.
func New(s Settings, secret string, now func() time.Time) *Provider {
	if now == nil {
		now = time.Now
	}
	return &Provider{settings: s, secret: secret, now: now, client: newClient(), tokens: NewIssuer(s.Issuer, now)}
}

// bounded cuts off responses that are too long.
type bounded struct{ base http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.base.RoundTrip(r)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, maxResponse), response.Body}
	}
	return response, err
}

// Name returns what people call the provider.
func (p *Provider) Name() string { return p.settings.Name }

// Issuer returns the issuer of the provider's tokens.
func (p *Provider) Issuer() string { return p.settings.Issuer }

// TakesPasswords reports whether every user may still sign in with a password.
func (p *Provider) TakesPasswords() bool { return p.settings.TakesPasswords() }

// PasswordsFor reports whether a user may still sign in with a password; admin is the user of the settings of the process.
func (p *Provider) PasswordsFor(user, admin string) bool {
	return p.TakesPasswords() || user == admin && user != ""
}

// discover returns what the provider says about itself, which is read once. Error: *AwayError.
func (p *Provider) discover(ctx context.Context) (*found, error) {
	if f := p.found.Load(); f != nil {
		return f, nil
	}
	f, err, _ := p.flight.Do("", func() (any, error) { return p.ask(context.WithoutCancel(ctx)) })
	if err != nil {
		return nil, err
	}
	return f.(*found), nil
}

// ask reads what the provider says about itself. The keys are fetched with the context later, too: it must not end.
func (p *Provider) ask(ctx context.Context) (*found, error) {
	ctx = oidc.ClientContext(ctx, p.client)
	provider, err := oidc.NewProvider(ctx, p.settings.Issuer)
	if err != nil {
		return nil, &AwayError{"discovery", withoutBody(err)}
	}
	var more struct {
		JWKS     string `json:"jwks_uri"`
		SignOut  string `json:"end_session_endpoint"`
		NamesIss bool   `json:"authorization_response_iss_parameter_supported"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, &AwayError{"discovery", err}
	}
	endpoint := provider.Endpoint()
	for _, at := range []string{endpoint.AuthURL, endpoint.TokenURL, more.JWKS, more.SignOut} {
		if strings.HasPrefix(p.settings.Issuer, "https://") && at != "" && !strings.HasPrefix(at, "https://") {
			return nil, &AwayError{"discovery", fmt.Errorf("the issuer is https://, and one of its endpoints is not: %s", at)}
		}
	}
	f := &found{
		provider: provider, endpoint: endpoint, signOut: more.SignOut, namesIss: more.NamesIss,
		verifier: provider.VerifierContext(ctx, &oidc.Config{ClientID: p.settings.ClientID, Now: p.now}),
	}
	p.found.Store(f)
	return f, nil
}

// Attempt is a sign-in that has begun. The browser keeps it; nobody else may know it.
type Attempt struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"` // of PKCE (RFC 7636)
	To       string    `json:"t"` // the page to return to
	Began    time.Time `json:"b"`
}

// Begin returns an attempt and the address at the provider where it goes on. Error: *AwayError.
func (p *Provider) Begin(ctx context.Context, redirect, to string) (Attempt, string, error) {
	f, err := p.discover(ctx)
	if err != nil {
		return Attempt{}, "", err
	}
	a := Attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), To: to, Began: p.now()}
	return a, p.oauth(f, redirect).AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), nil
}

func (p *Provider) oauth(f *found, redirect string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.settings.ClientID, ClientSecret: p.secret, Endpoint: f.endpoint, RedirectURL: redirect,
		Scopes: append([]string{oidc.ScopeOpenID}, p.settings.Scopes...),
	}
}

// Finish returns who has signed in, from the query with which the provider sent the browser back. Errors: *RefusedError, *AwayError.
func (p *Provider) Finish(ctx context.Context, a Attempt, redirect string, query url.Values) (*Identity, error) {
	f, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.checkResponse(f, a, query); err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := p.oauth(f, redirect).Exchange(ctx, query.Get("code"), oauth2.VerifierOption(a.Verifier))
	var said *oauth2.RetrieveError
	switch {
	case errors.As(err, &said) && said.Response.StatusCode < 500:
		return nil, &RefusedError{Reason: ReasonProvider, Detail: "the token endpoint answered " + said.Response.Status + ": " + said.ErrorCode}
	case err != nil:
		return nil, &AwayError{"token endpoint", withoutBody(err)}
	}
	text, _ := token.Extra("id_token").(string)
	if text == "" {
		return nil, &RefusedError{Reason: ReasonToken, Detail: "the token endpoint answered without an id_token"}
	}
	verified, err := f.verifier.Verify(ctx, text)
	if err != nil {
		return nil, &RefusedError{Reason: ReasonToken, Detail: err.Error()}
	}
	if subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(a.Nonce)) != 1 {
		return nil, &RefusedError{Reason: ReasonToken, Detail: "the nonce of the id_token is that of another sign-in"}
	}
	claims := map[string]any{}
	if err := verified.Claims(&claims); err != nil {
		return nil, &RefusedError{Reason: ReasonToken, Detail: "the id_token is no JSON object"}
	}
	if party, _ := claims["azp"].(string); party != "" && party != p.settings.ClientID || party == "" && len(verified.Audience) > 1 {
		return nil, &RefusedError{Reason: ReasonToken, Detail: "the id_token was issued to another client (azp)"}
	}
	if err := p.addUserInfo(ctx, f, token, verified.Subject, claims); err != nil {
		return nil, err
	}
	id := p.identify(verified.Subject, claims)
	id.SID, _ = claims["sid"].(string)
	if len(text) <= maxIDToken {
		id.IDToken = text
	}
	return id, nil
}

// checkResponse checks an authorization response: it belongs to the attempt, is of this provider (RFC 9207), and is no error.
func (p *Provider) checkResponse(f *found, a Attempt, query url.Values) error {
	iss := query.Get("iss")
	switch {
	case a.State == "" || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(a.State)) != 1 || p.now().Sub(a.Began) > AttemptLimit:
		return &RefusedError{Reason: ReasonStale, Detail: "the state is not that of a sign-in that this browser has begun"}
	case iss != "" && iss != p.settings.Issuer, iss == "" && f.namesIss:
		return &RefusedError{Reason: ReasonProvider, Detail: "the response is of another issuer"}
	case query.Get("error") != "":
		return &RefusedError{Reason: ReasonProvider, Detail: clip(query.Get("error") + ": " + query.Get("error_description"))}
	case query.Get("code") == "":
		return &RefusedError{Reason: ReasonProvider, Detail: "the response has no code"}
	}
	return nil
}

// addUserInfo adds the claims of the UserInfo endpoint that the ID token lacks, when one is needed.
func (p *Provider) addUserInfo(ctx context.Context, f *found, token *oauth2.Token, subject string, claims map[string]any) error {
	_, named := lookUp(claims, p.settings.Claims.User)
	_, grouped := lookUp(claims, p.settings.Claims.Groups)
	if named && grouped || f.provider.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := f.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return &AwayError{"userinfo endpoint", withoutBody(err)}
	}
	if info.Subject != subject { // OpenID Connect Core, section 5.3.2
		return &RefusedError{Reason: ReasonToken, Detail: "the userinfo endpoint answered about somebody else"}
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil {
		return &AwayError{"userinfo endpoint", errors.New("the response is no JSON object")}
	}
	for name, value := range more {
		if _, ok := claims[name]; !ok {
			claims[name] = value
		}
	}
	return nil
}

// SignOut returns the address at which a browser signs out at the provider, after which it is sent back; empty: there is none.
// idToken is that of the session.
func (p *Provider) SignOut(ctx context.Context, idToken, back string) string {
	f, err := p.discover(ctx)
	if err != nil || f.signOut == "" {
		return ""
	}
	to, err := url.Parse(f.signOut)
	if err != nil {
		return ""
	}
	query := to.Query()
	query.Set("client_id", p.settings.ClientID)
	query.Set("post_logout_redirect_uri", back)
	if idToken != "" {
		query.Set("id_token_hint", idToken)
	}
	to.RawQuery = query.Encode()
	return to.String()
}
