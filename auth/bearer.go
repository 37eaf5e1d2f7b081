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
	return s.tokenPrincipal(ctx, token)
}

// tokenPrincipal returns the principal of a token. What folders grant counts as it is now.
func (a *Authority) tokenPrincipal(ctx context.Context, t *store.Token) (*Principal, error) {
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
	v, err := viewOf(ctx, a.config.Store.Folders())
	if err != nil {
		return nil, err
	}
	p.folders = v
	if len(t.Granted) > 0 {
		now, err := a.grantedNow(ctx, v, t)
		if err != nil {
			return nil, err
		}
		p.Granted = intersect(scopesFrom(t.Granted), now, v)
	}
	return p, nil
}

// grantedNow returns what folders grant to the principal of a token.
func (a *Authority) grantedNow(ctx context.Context, v *store.FolderView, t *store.Token) ([]Scope, error) {
	if t.Kind != store.PrincipalUser {
		return GrantedScopes(v, string(t.Kind)+":"+t.Principal, nil), nil
	}
	u, err := a.config.Store.Users().User(ctx, t.Principal)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("check token: %w: %w", ErrUnavailable, err)
	}
	return GrantedToUser(v, u), nil
}
