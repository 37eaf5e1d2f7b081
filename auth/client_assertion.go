package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/penstock/penstock/store"
)

// typeClientAssertion is the only client_assertion_type (RFC 7523 section 2.2).
const typeClientAssertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// errClientJWT is the same text for an unknown client, one without a public key, and a wrong signature.
var errClientJWT = &Error{Code: CodeInvalidClient, Message: "the client of the assertion is unknown, disabled or has no public key, or the signature is not that key's"}

func badClientJWT(message string) error { return &Error{Code: CodeInvalidClient, Message: message} }

// assertedClient authenticates a client by private_key_jwt: a JWT signed with the private key of its public key (RFC
// 7523 section 2.2). Only the algorithm of the stored key is accepted, whatever the header names. No guard slows this
// down, because a signature cannot be guessed.
func (a *Authority) assertedClient(ctx context.Context, r *TokenRequest) (*store.Client, error) {
	text := r.Params["client_assertion"]
	switch {
	case r.Params["client_assertion_type"] != typeClientAssertion:
		return nil, &Error{Code: CodeInvalidRequest, Message: "client_assertion_type must be " + typeClientAssertion}
	case r.Params["client_secret"] != "" || r.Header.Get("Authorization") != "":
		return nil, &Error{Code: CodeInvalidRequest, Message: "the client proves itself twice: use the assertion or the secret"}
	case text == "":
		return nil, badClientJWT("client_assertion is missing")
	}
	token, unverified := parseJWT(text, jose.RS256, jose.ES256, jose.EdDSA), &jwt.Claims{}
	if token == nil || token.UnsafeClaimsWithoutVerification(unverified) != nil {
		return nil, badClientJWT("client_assertion is not a JWT of at most 8 KiB signed with RS256, ES256 or EdDSA")
	}
	c, err := a.config.Store.Clients().Client(ctx, unverified.Subject)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errClientJWT
	}
	if err != nil {
		return nil, fmt.Errorf("find client: %w: %w", ErrUnavailable, err)
	}
	public, algorithm, err := ParsePublicKey(c.PublicKey)
	claims := &jwt.Claims{}
	if err != nil || c.Disabled || token.Headers[0].Algorithm != string(algorithm) || token.Claims(public, claims) != nil {
		return nil, errClientJWT
	}
	if _, _, err := a.clientScopes(ctx, c); err != nil {
		if errors.Is(err, errClient) {
			err = errClientJWT
		}
		return nil, err
	}
	if err := a.checkClientClaims(ctx, r, c, claims); err != nil {
		return nil, err
	}
	return c, nil
}

// checkClientClaims checks the claims of a verified assertion (RFC 7523 section 3). Its jti is required and valid once.
func (a *Authority) checkClientClaims(ctx context.Context, r *TokenRequest, c *store.Client, claims *jwt.Claims) error {
	now, id := a.config.Now(), r.Params["client_id"]
	switch {
	case claims.Issuer != c.Identifier || id != "" && id != c.Identifier:
		return badClientJWT("iss and sub must both be the client's identifier, and client_id, if it is sent")
	case len(claims.Audience) != 1 || !slices.Contains(a.clientAudiences(r), claims.Audience[0]):
		return badClientJWT("aud must be exactly one: " + a.config.Issuer + " or the address of this endpoint")
	case claims.Expiry == nil || !now.Before(claims.Expiry.Time()):
		return badClientJWT("the assertion has expired, or exp is missing")
	case claims.Expiry.Time().After(now.Add(maxAhead)):
		return badClientJWT("exp is more than an hour ahead")
	case claims.IssuedAt != nil && claims.IssuedAt.Time().After(now.Add(maxClockSkew)):
		return badClientJWT("iat is in the future: check the clock")
	case claims.NotBefore != nil && claims.NotBefore.Time().After(now.Add(maxClockSkew)):
		return badClientJWT("nbf is in the future: check the clock")
	case claims.ID == "":
		return badClientJWT("jti is missing")
	}
	first, err := a.config.Store.Tokens().MarkUsed(ctx, "client_jwt:"+c.Identifier, claims.ID, until(claims.Expiry.Time(), now))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if !first {
		return badClientJWT("the assertion's jti was used before")
	}
	return nil
}

// clientAudiences are the audiences of an assertion for a request: the issuer, and the endpoint's own addresses.
func (a *Authority) clientAudiences(r *TokenRequest) []string {
	issuer := a.config.Issuer
	all := []string{issuer, issuer + "/"}
	paths := []string{PathIntrospect, PathRevoke}
	if r.Endpoint != nil {
		paths = r.Endpoint.Paths
	}
	for _, path := range paths {
		all = append(all, issuer+path)
	}
	return all
}
