package auth

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/store"
)

// Grant is one grant type of a token endpoint. Authority.Token calls it, and does what all grant types share: it
// reads the request, narrows the scopes, stores the token and writes the response.
type Grant interface {
	// Type returns the value of the parameter grant_type.
	Type() string
	// Check authenticates the request. Its errors are *Error, or wrap ErrUnavailable.
	Check(ctx context.Context, r *TokenRequest) (*TokenGrant, error)
}

// TokenRequest is a request to a token endpoint. It has each parameter at most once.
type TokenRequest struct {
	Endpoint *Endpoint
	Params   map[string]string
	Header   http.Header
	IP       string
}

// TokenGrant is a token that may be issued.
type TokenGrant struct {
	Token  store.Token // kind, holder, name, epochs and flows are set
	Scopes []Scope     // all scopes that the caller may request, without those of rights in folders
	Grants bool        // the caller may request those of rights in folders, too
	TTL    time.Duration

	IncludeScope bool           // the response has the scopes even when the caller requested none
	Separator    string         // between scopes; empty: that of the endpoint
	Extra        map[string]any // further members of the response
	ReportedTTL  time.Duration  // value of expires_in; zero: TTL

	// Workload says which program of a CI gets the token, by which rule, for the audit log; empty: none.
	Workload string

	refresh *refreshing // nil: no refresh token

	granted []Scope           // of rights in folders; set with Grants
	within  []Scope           // bounds granted; nil: nothing does
	folders *store.FolderView // set with Grants
}

// TokenAnswer is an issued token with the body of the response.
type TokenAnswer struct {
	Body  map[string]any
	Token *store.Token

	Workload string // of the TokenGrant
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
	if err := a.addGranted(ctx, granted); err != nil {
		return nil, err
	}
	scopes, err := narrow(granted, r.Params["scope"])
	if err != nil {
		return nil, err
	}
	if err := a.addRefresh(ctx, r, granted, scopes); err != nil {
		return nil, err
	}
	text, token, err := a.issue(ctx, granted, grant.Type())
	if err != nil {
		return nil, err
	}
	return &TokenAnswer{Body: granted.body(r, text, scopes), Token: token, Workload: granted.Workload}, nil
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

// addGranted sets what folders grant to the principal of a token now.
func (a *Authority) addGranted(ctx context.Context, o *TokenGrant) error {
	if !o.Grants {
		return nil
	}
	v, err := viewOf(ctx, a.config.Store.Folders())
	if err != nil {
		return err
	}
	o.folders = v
	now, err := a.grantedNow(ctx, v, &o.Token)
	if err == nil && o.within != nil {
		now = intersect(now, o.within, v)
	}
	o.granted = now
	return err
}

// narrow narrows the grant to the requested scopes, and returns all scopes that the token has then. When none are requested it has
// all that are granted.
func narrow(o *TokenGrant, asked string) ([]Scope, error) {
	scopes := ParseScopes(asked)
	if len(scopes) == 0 {
		scopes = slices.Clone(o.Scopes)
		for _, s := range o.granted {
			if !slices.Contains(scopes, s) {
				scopes = append(scopes, s)
			}
		}
		return scopes, nil
	}
	for _, s := range scopes {
		if !Covers(o.Scopes, s) && !Covers(o.granted, s) && !coversFlow(o.granted, s, o.folders) && !coversFlow(o.Scopes, s, o.folders) {
			return nil, &Error{Code: CodeInvalidScope, Message: "a scope that was asked for is not granted, or there is no such scope"}
		}
	}
	o.Scopes, o.granted = intersect(scopes, o.Scopes, o.folders), intersect(scopes, o.granted, o.folders)
	return scopes, nil
}

// issue stores the token and returns its text.
func (a *Authority) issue(ctx context.Context, o *TokenGrant, grant string) (string, *store.Token, error) {
	token := o.Token
	token.Scopes, token.Granted, token.Grant = Strings(o.Scopes), Strings(o.granted), grant
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
