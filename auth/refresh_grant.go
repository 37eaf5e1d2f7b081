package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock/penstock/store"
)

// refreshGrant exchanges a refresh token for an access token and the next refresh token (RFC 6749 section 6). Users,
// keys and clients get refresh tokens when an administrator allows them: with the password grant, the JWT of a key and
// the assertion of a client, never for client credentials (section 4.4.3), and never for a key that acts as a user.
// Each refresh token is valid once: a second use revokes its family, with all access tokens (RFC 9700 section 4.14.2).
type refreshGrant struct{ *Authority }

// typeRefresh is the grant_type of RFC 6749 section 6.
const typeRefresh = "refresh_token"

// refreshing says that a refresh token comes with the access token: the next one of a family, or the first of a new one.
type refreshing struct{ used string } // the token to replace; empty: a new family

var errRefresh = &Error{Code: CodeInvalidGrant, Message: "the refresh token is unknown, expired, revoked or was used before: authenticate again"}

// Type implements Grant.
func (refreshGrant) Type() string { return typeRefresh }

// Check implements Grant.
func (g refreshGrant) Check(ctx context.Context, r *TokenRequest) (*TokenGrant, error) {
	text := r.Params[typeRefresh]
	if text == "" {
		return nil, &Error{Code: CodeInvalidRequest, Message: "refresh_token is missing"}
	}
	family, err := g.config.Store.Tokens().FindRefresh(ctx, text)
	if err != nil {
		return nil, refreshError(err)
	}
	if family.Endpoint != r.Endpoint.Name || !g.config.Now().Before(family.ExpiresAt) {
		return nil, errRefresh
	}
	o, err := g.refreshed(ctx, r, family)
	if err != nil {
		return nil, err
	}
	o.Scopes, o.within = Intersect(o.Scopes, scopesFrom(family.Scopes)), scopesFrom(family.Scopes)
	o.Token.Family, o.refresh = family.Key, &refreshing{used: text}
	return o, nil
}

// refreshed returns the grant of the principal of a family, as it is now.
func (g refreshGrant) refreshed(ctx context.Context, r *TokenRequest, family *store.Family) (o *TokenGrant, err error) {
	allowed := false
	switch family.Kind {
	case store.PrincipalClient:
		var c *store.Client
		if c, err = g.client(ctx, r); err != nil {
			return nil, err
		}
		if allowed = c.RefreshTokens && c.Identifier == family.Principal; allowed {
			o, err = g.clientGrant(ctx, c)
		}
	case store.PrincipalUser:
		var u *store.User
		u, err = g.config.Store.Users().User(ctx, family.Principal)
		if err == nil && u.RefreshTokens {
			allowed, err = g.mayUseAPI(ctx, u)
		}
		if allowed {
			o = userGrant(u)
		}
	case store.PrincipalKey:
		var k *store.Key
		k, _, err = FindKey(ctx, g.config.Store.Keys(), family.Principal, g.config.Now())
		if allowed = err == nil && k != nil && k.RefreshTokens && k.APIAccess; allowed {
			o, err = g.keyGrant(ctx, k, "")
		}
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, errRefresh
	case err != nil && asError(err) == nil && !errors.Is(err, ErrUnavailable):
		return nil, fmt.Errorf("find principal: %w: %w", ErrUnavailable, err)
	case err != nil:
		return nil, err
	case !allowed:
		return nil, errRefresh
	}
	return o, nil
}

// addRefresh issues the refresh token of a grant, if it has one, before its access token is issued.
func (a *Authority) addRefresh(ctx context.Context, r *TokenRequest, o *TokenGrant, scopes []Scope) error {
	if o.refresh == nil {
		return nil
	}
	tokens, now := a.config.Store.Tokens(), a.config.Now()
	text, err := "", error(nil)
	if o.refresh.used != "" {
		text, err = tokens.Rotate(ctx, o.refresh.used)
	} else {
		family := &store.Family{
			Kind: o.Token.Kind, Principal: o.Token.Principal, Epoch: o.Token.Epoch, Endpoint: r.Endpoint.Name, Scopes: Strings(scopes),
			ExpiresAt: now.Add(store.RefreshTTL).UTC(),
		}
		text, err = tokens.IssueRefresh(ctx, family, now)
		o.Token.Family = family.Key
	}
	if err != nil {
		return refreshError(err)
	}
	extra := map[string]any{typeRefresh: text}
	for name, value := range o.Extra {
		extra[name] = value
	}
	o.Extra = extra
	return nil
}

func refreshError(err error) error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrReused) {
		return errRefresh
	}
	return fmt.Errorf("check refresh token: %w: %w", ErrUnavailable, err)
}

// revokeRefresh revokes the family of a refresh token (RFC 7009). A token of a client takes the client, c.
func (a *Authority) revokeRefresh(ctx context.Context, text string, c *store.Client) error {
	family, err := a.config.Store.Tokens().FindRefresh(ctx, text)
	switch {
	case errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrReused):
		return nil
	case err != nil:
		return fmt.Errorf("revoke token: %w: %w", ErrUnavailable, err)
	case family.Kind == store.PrincipalClient && c == nil:
		return errRevokeClient
	case c != nil && (family.Kind != store.PrincipalClient || family.Principal != c.Identifier):
		return nil
	}
	if err := a.config.Store.Tokens().RevokeFamily(ctx, family); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}
