package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/store"
)

// Introspect describes a token (RFC 7662) to the client that it was issued to, and to clients that administer users
// or clients. For all other callers, and for invalid or unknown tokens, the response is that the token is not
// active.
func (a *Authority) Introspect(ctx context.Context, r *TokenRequest) (map[string]any, error) {
	c, err := a.client(ctx, r)
	if err != nil {
		return nil, err
	}
	text := r.Params["token"]
	if text == "" {
		return nil, &Error{Code: CodeInvalidRequest, Message: "token is missing"}
	}
	t, err := a.config.Store.Tokens().Find(ctx, text)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("check token: %w: %w", ErrUnavailable, err)
	}
	if err != nil || !t.Live(a.config.Now()) {
		return map[string]any{"active": false}, nil
	}
	held, _, err := a.clientScopes(ctx, c)
	if err != nil {
		return nil, err
	}
	if !mayIntrospect(c, held, t) {
		return map[string]any{"active": false}, nil
	}
	return a.describe(t), nil
}

// mayIntrospect reports whether a client with the scopes held may look at a token.
func mayIntrospect(c *store.Client, held []Scope, t *store.Token) bool {
	return owns(c, t) || Covers(held, ScopeClients) || Covers(held, ScopeUsers)
}

func owns(c *store.Client, t *store.Token) bool {
	return t.Kind == store.PrincipalClient && t.Principal == c.Identifier
}

func (a *Authority) describe(t *store.Token) map[string]any {
	body := map[string]any{
		"active": true, "token_type": "Bearer", "iss": a.config.Issuer, "sub": t.Principal, "scope": JoinScopes(scopesFrom(append(slices.Clone(t.Scopes), t.Granted...)), " "),
		"iat": t.IssuedAt.Unix(), "exp": t.ExpiresAt.Unix(),
	}
	switch t.Kind {
	case store.PrincipalClient:
		body["client_id"] = t.Principal
	case store.PrincipalUser:
		body["username"] = t.Principal
	}
	if t.Actor != "" {
		body["act"] = map[string]any{"sub": t.Actor}
	}
	return body
}

var errRevokeClient = &Error{Code: CodeInvalidClient, Message: "the client must prove itself to revoke its token"}

// Revoke invalidates a token (RFC 7009). A client may revoke its own tokens and must authenticate. Tokens of users
// and keys are issued without a client, so whoever has one may revoke it. The response does not reveal whether the
// token is unknown or belongs to another client.
func (a *Authority) Revoke(ctx context.Context, r *TokenRequest) error {
	var c *store.Client
	if _, sent := r.Params["client_id"]; sent || r.Params["client_assertion"] != "" || r.Header.Get("Authorization") != "" {
		var err error
		if c, err = a.client(ctx, r); err != nil {
			return err
		}
	}
	text := r.Params["token"]
	if text == "" {
		return &Error{Code: CodeInvalidRequest, Message: "token is missing"}
	}
	if strings.HasPrefix(text, store.RefreshPrefix) {
		return a.revokeRefresh(ctx, text, c)
	}
	t, err := a.config.Store.Tokens().Find(ctx, text)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil && t.Kind == store.PrincipalClient && c == nil {
		return errRevokeClient
	}
	if err == nil && (c == nil || owns(c, t)) {
		err = a.config.Store.Tokens().Revoke(ctx, text)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("revoke token: %w: %w", ErrUnavailable, err)
	}
	return nil
}
