package auth

import (
	"context"
	"errors"
	"time"

	"github.com/penstock/penstock/store"
)

// userTokenTTL is the lifetime of the tokens of users. The response of syncAccess reports one second less.
const userTokenTTL = 1800 * time.Second

// passwordGrant is syncAccess' grant: the name and password of a user (RFC 6749 section 4.3). Client credentials
// are ignored, because well-known libraries send empty ones.
type passwordGrant struct{ *Authority }

// errPassword is the same text for a wrong password, an unknown user, a user who may not use the API, and a user
// who has to wait.
var errPassword = Error{Code: CodeInvalidGrant, Message: errBasic.Message}

// Type implements Grant.
func (passwordGrant) Type() string { return "password" }

// Check implements Grant.
func (g passwordGrant) Check(ctx context.Context, r *TokenRequest) (*TokenGrant, error) {
	name, secret := r.Params["username"], r.Params["password"]
	if name == "" || secret == "" {
		return nil, &Error{Code: CodeInvalidRequest, Message: "username and password are required"}
	}
	user, err := g.apiUser(ctx, name, secret, r.IP)
	var late *delayedError
	switch {
	case errors.As(err, &late) && late.Network:
		return nil, tooMany(late.For)
	case errors.As(err, &late):
		refused := errPassword
		refused.Retry = late.For
		return nil, &refused
	case err != nil:
		return nil, err
	case user == nil:
		refused := errPassword
		return nil, &refused
	}
	v, err := viewOf(ctx, g.config.Store.Folders())
	if err != nil {
		return nil, err
	}
	if reason := g.passwordOnly(user, v); reason != "" {
		return nil, &Error{Code: CodeInvalidGrant, Message: reason}
	}
	o := userGrant(user)
	if user.RefreshTokens {
		o.refresh = &refreshing{}
	}
	return o, nil
}

// userGrant returns the token grant of a user.
func userGrant(user *store.User) *TokenGrant {
	return &TokenGrant{
		Token:       store.Token{Kind: store.PrincipalUser, Principal: user.Name, Name: user.Name, Epoch: user.Epoch, Staff: UserPrincipal(user, nil).Staff},
		Scopes:      UserPrincipal(user, nil).Scopes,
		Grants:      true,
		TTL:         userTokenTTL,
		ReportedTTL: userTokenTTL - time.Second,
		Extra:       map[string]any{"username": user.Name},
	}
}
