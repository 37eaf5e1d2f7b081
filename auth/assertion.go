package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/penstock/penstock/store"
)

// typeJWTBearer is the grant_type of RFC 7523.
const typeJWTBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// assertionGrant is Ansira's grant: the client sends its secret and the assertion that this server generated for
// it. The assertion may be used any number of times until the client's expiry date has passed.
type assertionGrant struct{ *Authority }

var errAssertion = &Error{Code: CodeInvalidGrant, Message: "the assertion is not the client's current one, or has expired: generate and download a new one"}

// Type implements Grant.
func (assertionGrant) Type() string { return typeJWTBearer }

// Check implements Grant.
func (g assertionGrant) Check(ctx context.Context, r *TokenRequest) (*TokenGrant, error) {
	text := r.Params["assertion"]
	claims, wrong := g.openAssertion(ctx, text)
	current := func(c *store.Client) bool {
		return wrong == nil && c.Assertion != "" && claims.ID == c.Assertion && claims.Subject == c.Identifier &&
			claims.Expiry != nil && g.config.Now().Before(claims.Expiry.Time())
	}
	c, err := g.clientWith(ctx, r, current)
	switch {
	case err != nil:
		return nil, err
	case text == "":
		return nil, &Error{Code: CodeInvalidRequest, Message: "assertion is missing"}
	case wrong != nil:
		return nil, wrong
	case !current(c):
		return nil, errAssertion
	}
	o, err := g.clientGrant(ctx, c)
	if err != nil {
		return nil, err
	}
	if c.RefreshTokens {
		o.refresh = &refreshing{}
	}
	o.Extra = map[string]any{"claims": map[string]any{
		"iss": g.config.Issuer, "sub": c.Identifier, "name": c.Name, "assertion_exp": claims.Expiry.Time().Unix(),
	}}
	return o, nil
}

// openAssertion verifies an assertion with this server's signing keys. It accepts EdDSA only, whatever the header
// names.
func (a *Authority) openAssertion(ctx context.Context, text string) (*jwt.Claims, error) {
	token := parseJWT(text, jose.EdDSA)
	if token == nil {
		return nil, errAssertion
	}
	key, err := a.config.Store.SigningKeys().Find(ctx, token.Headers[0].KeyID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errAssertion
	}
	if err != nil {
		return nil, fmt.Errorf("find signing key: %w: %w", ErrUnavailable, err)
	}
	claims := &jwt.Claims{}
	if err := token.Claims(key.Private.Public(), claims); err != nil {
		return nil, errAssertion
	}
	return claims, nil
}

// ErrNoDeadline says that a client has no expiry date, or one in the past, so that no assertion can be generated.
var ErrNoDeadline = errors.New("the client has no expiry date in the future: set assertion_expires_on first")

// NewAssertion generates the assertion of a client. It invalidates the previous assertion and all tokens of the
// client. Errors: ErrNoDeadline, store.ErrNotFound.
func (a *Authority) NewAssertion(ctx context.Context, id string) (string, *store.Client, error) {
	key, err := a.config.Store.SigningKeys().Current(ctx)
	if err != nil {
		return "", nil, fmt.Errorf("make assertion: %w", err)
	}
	now := a.config.Now()
	c, err := a.config.Store.Clients().Change(ctx, id, func(c *store.Client) error {
		if !now.Before(c.Deadline()) {
			return ErrNoDeadline
		}
		c.Assertion, c.AssertionAt = rand.Text(), now.UTC()
		return nil
	})
	if err != nil {
		return "", nil, fmt.Errorf("make assertion: %w", err)
	}
	text, err := signAssertion(key, jwt.Claims{
		Issuer: a.config.Issuer, Subject: c.Identifier, Audience: jwt.Audience{a.config.Issuer + Ansira.Paths[0]}, ID: c.Assertion,
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(c.Deadline()),
	})
	if err != nil {
		return "", nil, fmt.Errorf("make assertion: %w", err)
	}
	return text, c, nil
}

func signAssertion(key *store.SigningKey, claims jwt.Claims) (string, error) {
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: key.Private, KeyID: key.ID}},
		(&jose.SignerOptions{}).WithType("JWT"),
	)
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

// ManualToken issues an access token that an administrator downloads for a client. Errors: ErrNoDeadline,
// store.ErrNotFound.
func (a *Authority) ManualToken(ctx context.Context, id string) (string, *store.Token, error) {
	c, err := a.config.Store.Clients().Client(ctx, id)
	if err != nil {
		return "", nil, fmt.Errorf("make token: %w", err)
	}
	if c.Disabled {
		return "", nil, fmt.Errorf("make token: %w", &store.InvalidError{Member: "disabled", Reason: "is true: this client gets no tokens"})
	}
	granted, err := a.clientGrant(ctx, c)
	switch {
	case errors.Is(err, errClientExpired):
		return "", nil, fmt.Errorf("make token: %w", ErrNoDeadline)
	case errors.Is(err, errClient):
		return "", nil, fmt.Errorf("make token: %w", &store.InvalidError{Member: "owner", Reason: "is no developer at present: this client gets no tokens"})
	case err != nil:
		return "", nil, fmt.Errorf("make token: %w", err)
	}
	if err := a.addGranted(ctx, granted); err != nil {
		return "", nil, fmt.Errorf("make token: %w", err)
	}
	return a.issue(ctx, granted, "manual")
}

// until returns the time from now to end, at least one second.
func until(end, now time.Time) time.Duration { return max(time.Second, end.Sub(now)) }
