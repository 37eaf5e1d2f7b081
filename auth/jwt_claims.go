package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/penstock/penstock/store"
)

const (
	// keyTokenTTL is the lifetime of the tokens of keys.
	keyTokenTTL = 3600 * time.Second
	// maxAhead is the longest time from now to the claim exp of a JWT.
	maxAhead = time.Hour
	// maxClockSkew is the maximum age of the claim iat in a JWT without exp, and how far any time of a JWT may be
	// in the future.
	maxClockSkew = 300 * time.Second
)

// checkClaims checks the claims of a verified JWT: the audience is this server, the times are valid, and the claim
// jti was not used before.
func (a *Authority) checkClaims(ctx context.Context, key *store.Key, c *jwt.Claims) error {
	now, issuer := a.config.Now(), a.config.Issuer
	if len(c.Audience) != 1 || !slices.Contains([]string{issuer, issuer + "/", issuer + Integrify.Paths[0]}, c.Audience[0]) {
		return badJWT("aud must be exactly one: " + issuer + " or " + issuer + Integrify.Paths[0])
	}
	switch {
	case c.Expiry == nil && key.PublicKey != "":
		return badJWT("exp is missing")
	case c.Expiry == nil && c.IssuedAt == nil:
		return badJWT("exp and iat are missing")
	case c.Expiry == nil && c.IssuedAt.Time().Before(now.Add(-maxClockSkew)):
		return badJWT(fmt.Sprintf("iat is %.0f s ago; without exp it may be %.0f s", now.Sub(c.IssuedAt.Time()).Seconds(), maxClockSkew.Seconds()))
	case c.Expiry != nil && !now.Before(c.Expiry.Time()):
		return badJWT("the assertion has expired")
	case c.Expiry != nil && c.Expiry.Time().After(now.Add(maxAhead)):
		return badJWT("exp is more than an hour ahead")
	case c.IssuedAt != nil && c.IssuedAt.Time().After(now.Add(maxClockSkew)):
		return badJWT("iat is in the future: check the clock")
	case c.NotBefore != nil && c.NotBefore.Time().After(now.Add(maxClockSkew)):
		return badJWT("nbf is in the future: check the clock")
	}
	if c.ID == "" {
		return nil
	}
	ttl := maxClockSkew + maxClockSkew // from the earliest to the latest moment at which iat is valid
	if c.Expiry != nil {
		ttl = until(c.Expiry.Time(), now)
	}
	first, err := a.config.Store.Tokens().MarkUsed(ctx, "jwt:"+key.Key, c.ID, ttl)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if !first {
		return badJWT("the assertion's jti was used before")
	}
	return nil
}

// keyGrant returns the token grant of a key, for itself or acting as the user named by subject.
func (a *Authority) keyGrant(ctx context.Context, key *store.Key, subject string) (*TokenGrant, error) {
	o := &TokenGrant{
		Token:        store.Token{Kind: store.PrincipalKey, Principal: key.Key, Name: nameOf(key), Epoch: key.Epoch, Flows: key.Flows},
		Scopes:       scopesOfKey(key),
		Grants:       true,
		TTL:          keyTokenTTL,
		IncludeScope: true,
	}
	if subject == "" || subject == key.Key {
		return o, nil
	}
	user, err := a.config.Store.Users().User(ctx, subject)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("find user: %w: %w", ErrUnavailable, err)
	}
	if user == nil || !user.Is(store.RoleAPIUser) || !slices.Contains(key.Impersonate, subject) {
		return nil, badJWT("this key may not act as that user")
	}
	o.Token = store.Token{
		Kind: store.PrincipalUser, Principal: user.Name, Name: user.Name, Epoch: user.Epoch, Flows: key.Flows,
		Actor: key.Key, ActorName: nameOf(key), ActorEpoch: key.Epoch,
	}
	o.Scopes, o.Grants = Intersect(scopesOfKey(key), ScopesOf(user)), false // rights in folders are for whom they are granted to
	return o, nil
}
