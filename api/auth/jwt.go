package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"penstock/internal/store"
)

const (
	// keyTokenTTL is how long the tokens of keys live.
	keyTokenTTL = 3600 * time.Second
	// maxAhead is how far ahead a JWT's exp may be.
	maxAhead = time.Hour
	// maxOff is how far a JWT's iat may be off when it has no exp, and how far
	// ahead any of its times may be: clocks differ.
	maxOff = 300 * time.Second
)

// jwtGrant is Integrify's way: a JWT signed with the secret of an API key, or
// with the private key to its public one, and nothing else (RFC 7523).
type jwtGrant struct{ *Authority }

// Type implements Grant.
func (jwtGrant) Type() string { return typeJWTBearer }

// Check implements Grant.
func (g jwtGrant) Check(ctx context.Context, r *TokenRequest) (*Offer, error) {
	text := r.Params["assertion"]
	if text == "" {
		return nil, &Error{Code: CodeInvalidRequest, Message: "assertion is missing"}
	}
	key, claims, err := g.openJWT(ctx, text, r.IP)
	if err != nil {
		return nil, err
	}
	return g.keyOffer(ctx, key, claims.Subject)
}

func badJWT(message string) error { return &Error{Code: CodeInvalidGrant, Message: message} }

// errJWT is one text for an unknown key and a wrong signature.
var errJWT = &Error{Code: CodeInvalidGrant, Message: "the assertion's issuer is no API key, or its signature is not that key's"}

// openJWT verifies a JWT of an API key. Nothing is said about a key before
// the signature fits.
func (a *Authority) openJWT(ctx context.Context, text, ip string) (*store.Key, *jwt.Claims, error) {
	if len(text) > maxAssertion {
		return nil, nil, badJWT("the assertion is too long")
	}
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.HS256, jose.RS256, jose.ES256, jose.EdDSA})
	if err != nil || len(token.Headers) != 1 {
		return nil, nil, badJWT("the assertion is not a JWT signed with HS256, RS256, ES256 or EdDSA")
	}
	unproved := &jwt.Claims{}
	if err := token.UnsafeClaimsWithoutVerification(unproved); err != nil {
		return nil, nil, badJWT("the assertion's claims cannot be read")
	}
	name := string(KindKey) + ":" + unproved.Issuer
	if err := a.slowDown(ctx, name, ip); err != nil {
		return nil, nil, err
	}
	key, secrets, err := FindKey(ctx, a.config.Store.Keys(), unproved.Issuer, a.config.Now())
	if err != nil {
		return nil, nil, err
	}
	claims := verifyJWT(token, key, secrets)
	if claims == nil {
		if err := a.config.Backoff.Fail(ctx, name, ip); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return nil, nil, errJWT
	}
	if !key.APIAccess {
		return nil, nil, &Error{Code: CodeUnauthorizedUse, Message: ErrAccessOff.Message}
	}
	if err := a.checkClaims(ctx, key, claims); err != nil {
		return nil, nil, err
	}
	return key, claims, nil
}

// slowDown refuses who failed too often. The answer for a name is the one for
// a wrong signature.
func (a *Authority) slowDown(ctx context.Context, name, ip string) error {
	delay, err := a.config.Backoff.Delay(ctx, name, ip)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case delay.Address > 0:
		return tooMany(&delayed{wait: delay.Longest()})
	case delay.Name > 0:
		refused := *errJWT
		refused.Retry = delay.Name
		return &refused
	}
	return nil
}

// verifyJWT returns the claims if the signature fits. The key decides on the
// algorithm; what the header says must agree.
func verifyJWT(token *jwt.JSONWebToken, key *store.Key, secrets Secrets) *jwt.Claims {
	alg := jose.SignatureAlgorithm(token.Headers[0].Algorithm)
	if key != nil && key.PublicKey != "" {
		public, want, err := ParsePublicKey(key.PublicKey)
		claims := &jwt.Claims{}
		if err != nil || alg != want || token.Claims(public, claims) != nil {
			return nil
		}
		return claims
	}
	var match *jwt.Claims
	for _, secret := range []string{secrets.Current, secrets.Previous} {
		present := secret != ""
		if !present {
			secret = dummy
		}
		claims := &jwt.Claims{}
		if err := token.Claims(hmacKey(secret), claims); err == nil && present && alg == jose.HS256 && key != nil {
			match = claims
		}
	}
	return match
}

// hmacKey fills a short secret up with zeros, as HMAC itself does: the
// signature stays the same, and the library, which wants 32 bytes, takes it.
func hmacKey(secret string) []byte {
	key := []byte(secret)
	return append(key, make([]byte, max(0, 32-len(key)))...)
}

// checkClaims holds a verified JWT to the rules: for us, now, and once.
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
	case c.Expiry == nil && c.IssuedAt.Time().Before(now.Add(-maxOff)):
		return badJWT(fmt.Sprintf("iat is %.0f s ago; without exp it may be %.0f s", now.Sub(c.IssuedAt.Time()).Seconds(), maxOff.Seconds()))
	case c.Expiry != nil && !now.Before(c.Expiry.Time()):
		return badJWT("the assertion has expired")
	case c.Expiry != nil && c.Expiry.Time().After(now.Add(maxAhead)):
		return badJWT("exp is more than an hour ahead")
	case c.IssuedAt != nil && c.IssuedAt.Time().After(now.Add(maxOff)):
		return badJWT("iat is in the future: check the clock")
	case c.NotBefore != nil && c.NotBefore.Time().After(now.Add(maxOff)):
		return badJWT("nbf is in the future: check the clock")
	}
	if c.ID == "" {
		return nil
	}
	remember := maxOff + maxOff // until iat is too long ago, however far ahead it is now
	if c.Expiry != nil {
		remember = until(c.Expiry.Time(), now)
	}
	first, err := a.config.Store.Tokens().Once(ctx, "jwt:"+key.Key, c.ID, remember)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if !first {
		return badJWT("the assertion's jti was used before")
	}
	return nil
}

// keyOffer is what a key may have, for itself or acting as a user.
func (a *Authority) keyOffer(ctx context.Context, key *store.Key, subject string) (*Offer, error) {
	o := &Offer{
		Token:     store.Token{Kind: store.HolderKey, Holder: key.Key, Name: nameOf(key), Epoch: key.Epoch, Flows: key.Flows},
		Scopes:    keyScopes,
		TTL:       keyTokenTTL,
		TellScope: true,
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
		Kind: store.HolderUser, Holder: user.Name, Name: user.Name, Epoch: user.Epoch, Flows: key.Flows,
		Actor: key.Key, ActorName: nameOf(key), ActorEpoch: key.Epoch,
	}
	o.Scopes = Intersect(keyScopes, UserScopes(user.Roles))
	return o, nil
}

// ParsePublicKey reads the PEM of an RSA key of 2048 bits or more, a P-256 key
// or an Ed25519 key, and says which algorithm it is for.
func ParsePublicKey(text string) (crypto.PublicKey, jose.SignatureAlgorithm, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "PUBLIC KEY" || len(rest) > 0 {
		return nil, "", errors.New("the public key must be one PEM block of type PUBLIC KEY")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, "", errors.New("the public key cannot be read")
	}
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() >= 2048 {
			return k, jose.RS256, nil
		}
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			return k, jose.ES256, nil
		}
	case ed25519.PublicKey:
		return k, jose.EdDSA, nil
	}
	return nil, "", errors.New("the public key must be RSA of 2048 bits or more, P-256 or Ed25519")
}
