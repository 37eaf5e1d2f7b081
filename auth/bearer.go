package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/penstock/penstock/auth/personal"
	"github.com/penstock/penstock/store"
)

// bearerScheme authenticates callers by access token (RFC 6750).
type bearerScheme struct{ *Authority }

var (
	errUnknownToken = &Error{Code: CodeUnauthorized, Message: "the access token is unknown", Bearer: CodeInvalidToken}
	errDeadToken    = &Error{Code: CodeForbidden, Message: "the access token has expired or was invalidated: get a new one", Bearer: CodeInvalidToken}
)

// Authenticate implements Authenticator.
func (s bearerScheme) Authenticate(ctx context.Context, r *Request) (*Principal, error) {
	text, uses, err := authorization(r.Header, "bearer")
	if err != nil || !uses {
		return nil, err
	}
	if strings.HasPrefix(text, personal.Prefix) {
		return s.personalPrincipal(ctx, text, r.Now)
	}
	token, err := s.config.Store.Tokens().Find(ctx, text)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, errUnknownToken
	case err != nil:
		return nil, fmt.Errorf("check token: %w: %w", ErrUnavailable, err)
	case !token.Live(r.Now):
		return nil, errDeadToken
	}
	return s.tokenPrincipal(ctx, token), nil
}

// tokenPrincipal returns the principal of a token.
func (a *Authority) tokenPrincipal(ctx context.Context, t *store.Token) *Principal {
	p := &Principal{
		Kind: Kind(t.Kind), ID: t.Principal, Name: t.Name, Scopes: scopesFrom(t.Scopes), Flows: t.Flows, Actor: t.Actor, Staff: t.Staff,
	}
	limited := t.Actor
	if t.Kind == store.PrincipalKey {
		limited = t.Principal
	}
	if limited != "" {
		if key, err := a.config.Store.Keys().Key(ctx, limited); err == nil {
			p.Rate = key.Rate
		}
	}
	return p
}
