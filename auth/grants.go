package auth

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/penstock/penstock/store"
)

// Grant is one way to get an access token. The frame around it, Token, reads
// the request and owns what all grants share: the scopes asked for, the token
// and the form of the answer. A grant says who proved what.
type Grant interface {
	// Type is its grant_type.
	Type() string
	// Check proves who asks. Its errors are *Error, or wrap ErrUnavailable.
	Check(ctx context.Context, r *TokenRequest) (*TokenGrant, error)
}

// TokenRequest is a request for a token, each parameter at most once.
type TokenRequest struct {
	Endpoint *Endpoint
	Params   map[string]string
	Header   http.Header
	IP       string
}

// Offer is what a grant is ready to give.
type TokenGrant struct {
	Token  store.Token // whose: kind, holder, name, epochs, flows
	Scopes []Scope     // all that may be asked for
	TTL    time.Duration

	IncludeScope bool           // also when the caller got all it asked for
	Separator    string         // of scopes; empty: the endpoint's
	Extra        map[string]any // members of the answer
	ReportedTTL  time.Duration  // for expires_in; zero: TTL
}

// TokenAnswer is a token that was issued.
type TokenAnswer struct {
	Body  map[string]any // of the answer
	Token *store.Token
}

// Token issues a token. Errors are *Error, or wrap ErrUnavailable.
func (a *Authority) Token(ctx context.Context, r *TokenRequest) (*TokenAnswer, error) {
	grant, err := a.grantOf(r)
	if err != nil {
		return nil, err
	}
	granted, err := grant.Check(ctx, r)
	if err != nil {
		return nil, err
	}
	scopes, err := narrow(granted.Scopes, r.Params["scope"])
	if err != nil {
		return nil, err
	}
	text, token, err := a.issue(ctx, granted, scopes, grant.Type())
	if err != nil {
		return nil, err
	}
	return &TokenAnswer{Body: granted.body(r, text, scopes), Token: token}, nil
}

func (a *Authority) grantOf(r *TokenRequest) (Grant, error) {
	name, sent := r.Params["grant_type"]
	if !sent || name == "" {
		return nil, &Error{Code: CodeInvalidRequest, Message: "grant_type is missing"}
	}
	for _, g := range a.grants[r.Endpoint] {
		if g.Type() == name {
			return g, nil
		}
	}
	var accepted []string
	for _, g := range a.grants[r.Endpoint] {
		accepted = append(accepted, g.Type())
	}
	return nil, &Error{Code: CodeUnsupportedGrant, Message: "this endpoint takes no such grant_type, but " + strings.Join(accepted, ", ")}
}

// narrow returns the scopes that were asked for; all, if none were.
func narrow(granted []Scope, asked string) ([]Scope, error) {
	scopes := ParseScopes(asked)
	if len(scopes) == 0 {
		return granted, nil
	}
	if !CoversAll(granted, scopes) {
		return nil, &Error{Code: CodeInvalidScope, Message: "a scope that was asked for is not granted, or there is no such scope"}
	}
	return scopes, nil
}

// issue stores the token of an granted.
func (a *Authority) issue(ctx context.Context, o *TokenGrant, scopes []Scope, grant string) (string, *store.Token, error) {
	token := o.Token
	token.Scopes, token.Grant = Strings(scopes), grant
	token.IssuedAt = a.config.Now().UTC()
	token.ExpiresAt = token.IssuedAt.Add(o.TTL)
	text, err := a.config.Store.Tokens().Issue(ctx, token)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return text, &token, nil
}

func (o *TokenGrant) body(r *TokenRequest, text string, scopes []Scope) map[string]any {
	life := o.ReportedTTL
	if life == 0 {
		life = o.TTL
	}
	body := map[string]any{
		"access_token": text,
		"token_type":   r.Endpoint.TokenType,
		"expires_in":   int(life / time.Second),
	}
	if o.IncludeScope || r.Params["scope"] != "" {
		separator := o.Separator
		if separator == "" {
			separator = r.Endpoint.Separator
		}
		body["scope"] = JoinScopes(scopes, separator)
	}
	for name, value := range o.Extra {
		body[name] = value
	}
	return body
}
