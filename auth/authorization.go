package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/internal/localhost"
	"github.com/penstock/penstock/store"
)

// PathRegister is where clients register themselves (RFC 7591).
const PathRegister = "/oauth/register"

// Bounds of what a client says about itself.
const (
	maxRedirects  = 8
	maxRedirect   = 512 // bytes
	maxClientName = 100 // characters
)

// Authorization is a request of a client for the approval of a user (RFC 6749, section 4.1.1), checked.
type Authorization struct {
	Client   *store.PublicClient
	Redirect string
	Scopes   []Scope // that the client asks for; empty: it leaves the choice

	state     string
	challenge string // PKCE
}

// ErrNoClient reports a request whose client or redirect URI is unknown. It is shown to the user: nobody may be sent there (RFC 6749,
// section 4.1.2.1).
var ErrNoClient = errors.New("the client is unknown here, or did not register this redirect URI")

// challengeForm is a challenge of the method S256 (RFC 7636, section 4.2).
var challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// RegisterClient stores a client that registers itself.
func (a *Authority) RegisterClient(ctx context.Context, c *store.PublicClient) error {
	if len(c.Redirects) == 0 || len(c.Redirects) > maxRedirects {
		return &Error{Code: CodeInvalidRequest, Message: fmt.Sprintf("redirect_uris: expected 1 to %d", maxRedirects)}
	}
	for _, uri := range c.Redirects {
		if err := checkRedirect(uri); err != nil {
			return &Error{Code: CodeInvalidRequest, Message: "redirect_uris: " + err.Error()}
		}
	}
	if len([]rune(c.Name)) > maxClientName || strings.ContainsFunc(c.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return &Error{Code: CodeInvalidRequest, Message: fmt.Sprintf("client_name: expected at most %d characters in one line", maxClientName)}
	}
	if err := a.config.Store.Authorizations().Register(ctx, c); err != nil {
		return errors.Join(ErrUnavailable, err)
	}
	return nil
}

// checkRedirect accepts https, and http at a loopback address, for programs on the user's machine (RFC 8252, section 7.3).
func checkRedirect(uri string) error {
	u, err := url.Parse(uri)
	switch {
	case err != nil || len(uri) > maxRedirect || u.Host == "" || u.User != nil || u.Fragment != "" || strings.Contains(uri, "#"):
		return errors.New("expected an absolute URL without user and fragment")
	case u.Scheme == "https", u.Scheme == "http" && localhost.Is(u.Hostname()):
		return nil
	}
	return errors.New("expected https, or http at 127.0.0.1, [::1] or localhost")
}

// sameRedirect reports whether a redirect URI is a registered one. The port of a loopback address may differ (RFC 8252, section 7.3).
func sameRedirect(registered, given string) bool {
	if registered == given {
		return true
	}
	r, err := url.Parse(registered)
	g, err2 := url.Parse(given)
	if err != nil || err2 != nil || r.Scheme != "http" || !localhost.Is(r.Hostname()) {
		return false
	}
	g.Host, r.Host = g.Hostname(), r.Hostname()
	return *r == *g
}

// ParseAuthorization checks the parameters of an authorization request. An *AuthorizationError goes back to the client; ErrNoClient and
// others do not.
func (a *Authority) ParseAuthorization(ctx context.Context, q url.Values) (*Authorization, error) {
	for name, all := range q {
		if len(all) > 1 && name != "resource" {
			return nil, &Error{Code: CodeInvalidRequest, Message: name + " comes twice"}
		}
	}
	c, err := a.config.Store.Authorizations().Client(ctx, q.Get("client_id"))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, ErrNoClient
	case err != nil:
		return nil, errors.Join(ErrUnavailable, err)
	}
	r := &Authorization{Client: c, Redirect: q.Get("redirect_uri"), Scopes: ParseScopes(q.Get("scope")), state: q.Get("state"), challenge: q.Get("code_challenge")}
	if !slices.ContainsFunc(c.Redirects, func(known string) bool { return sameRedirect(known, r.Redirect) }) {
		return nil, ErrNoClient
	}
	refuse := func(code Code, message string) error {
		return &AuthorizationError{r.back("error", string(code), "error_description", message), message}
	}
	switch {
	case q.Get("response_type") != "code":
		return nil, refuse("unsupported_response_type", "response_type must be code")
	case q.Get("code_challenge_method") != "S256" || !challengeForm.MatchString(r.challenge):
		return nil, refuse(CodeInvalidRequest, "PKCE is required: code_challenge, with code_challenge_method=S256")
	}
	for _, resource := range q["resource"] {
		if resource != a.config.Issuer && !strings.HasPrefix(resource, a.config.Issuer+"/") {
			return nil, refuse("invalid_target", "resource: tokens of this server are for this server")
		}
	}
	return r, nil
}

// AuthorizationError is a refusal that the user's browser brings back to the client.
type AuthorizationError struct {
	URL     string // of the client
	Message string
}

func (e *AuthorizationError) Error() string { return e.Message }

// back returns the redirect URI with parameters, pairs of name and value, the state and the issuer (RFC 9207).
func (r *Authorization) back(pairs ...string) string {
	u, err := url.Parse(r.Redirect)
	if err != nil {
		panic(err) // it is equal to one that was parsed
	}
	q := u.Query()
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	if r.state != "" {
		q.Set("state", r.state)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// Offer returns the scopes that a user may approve: those that the client asks for, otherwise those of tools, as far as the user has
// them, perhaps in folders. The error wraps ErrUnavailable.
func (a *Authority) Offer(ctx context.Context, r *Authorization, u *store.User) ([]Scope, error) {
	asked := r.Scopes
	if len(asked) == 0 {
		asked = []Scope{ScopeRun, ScopeReadFlows, ScopeReadRuns}
	}
	v, err := viewOf(ctx, a.config.Store.Folders())
	if err != nil {
		return nil, err
	}
	p := UserPrincipal(u, v)
	p.Narrow(asked)
	offered := p.Scopes
	for _, s := range p.Granted {
		if !slices.Contains(offered, s) {
			offered = append(offered, s)
		}
	}
	return offered, nil
}

// Approve returns the address to which the browser of the user goes: that of the client with a code for the scopes.
func (a *Authority) Approve(ctx context.Context, r *Authorization, u *store.User, scopes []Scope) (string, error) {
	offered, err := a.Offer(ctx, r, u)
	if err != nil {
		return "", err
	}
	code, err := a.config.Store.Authorizations().Approve(ctx, store.AuthorizationCode{
		Client: r.Client.ID, User: u.Name, Epoch: u.Epoch, Scopes: Strings(Intersect(offered, scopes)), Redirect: r.Redirect, Challenge: r.challenge,
	})
	if err != nil {
		return "", errors.Join(ErrUnavailable, err)
	}
	return r.back("code", code, "iss", a.config.Issuer), nil
}

// Deny returns the address to which the browser of a user goes who does not approve.
func (a *Authority) Deny(r *Authorization) string {
	return r.back("error", "access_denied", "error_description", "the user did not approve", "iss", a.config.Issuer)
}

// codeGrant exchanges the code that a user has approved for a token of the user (RFC 6749, section 4.1.3, with RFC 7636).
type codeGrant struct{ *Authority }

// typeCode is the grant_type of RFC 6749, section 4.1.3.
const typeCode = "authorization_code"

var errCode = &Error{Code: CodeInvalidGrant, Message: "the code is unknown, was used before or is older than a minute, or it is for another client, redirect URI or code_verifier"}

// Type implements Grant.
func (codeGrant) Type() string { return typeCode }

// Check implements Grant.
func (g codeGrant) Check(ctx context.Context, r *TokenRequest) (*TokenGrant, error) {
	for _, name := range []string{"code", "client_id", "redirect_uri", "code_verifier"} {
		if r.Params[name] == "" {
			return nil, &Error{Code: CodeInvalidRequest, Message: name + " is missing"}
		}
	}
	c, err := g.config.Store.Authorizations().Redeem(ctx, r.Params["code"])
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, errCode
	case err != nil:
		return nil, errors.Join(ErrUnavailable, err)
	}
	sum := sha256.Sum256([]byte(r.Params["code_verifier"]))
	proof := base64.RawURLEncoding.EncodeToString(sum[:])
	if c.Client != r.Params["client_id"] || c.Redirect != r.Params["redirect_uri"] || subtle.ConstantTimeCompare([]byte(proof), []byte(c.Challenge)) != 1 {
		return nil, errCode
	}
	u, err := g.config.Store.Users().User(ctx, c.User)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && u.Epoch != c.Epoch:
		return nil, errCode
	case err != nil:
		return nil, errors.Join(ErrUnavailable, err)
	}
	if may, err := g.mayUseAPI(ctx, u); err != nil || !may {
		return nil, cmp.Or(err, error(errCode))
	}
	o := userGrant(u)
	o.Scopes, o.IncludeScope, o.ReportedTTL, o.within = Intersect(o.Scopes, scopesFrom(c.Scopes)), true, 0, scopesFrom(c.Scopes)
	if u.RefreshTokens {
		o.refresh = &refreshing{}
	}
	return o, nil
}
