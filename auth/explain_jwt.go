package auth

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/penstock/penstock/store"
)

// explainJWT explains an assertion of an API key. It does not consume the claim jti, so that the assertion can
// still be used.
func (a *Authority) explainJWT(ctx context.Context, text string) (*Explanation, error) {
	e := &Explanation{Scheme: "jwt", Findings: []string{}}
	token := parseJWT(text, keyAlgorithms...)
	if token == nil {
		e.addFinding("it is not a JWT of at most 8 KiB, without line breaks, with one signature by HS256, RS256, ES256 or EdDSA")
		return e, nil
	}
	claims := &jwt.Claims{}
	if err := token.UnsafeClaimsWithoutVerification(claims); err != nil {
		e.addFinding("its claims cannot be read: a time that is not a number, a claim that comes twice")
		return e, nil
	}
	e.Key = claims.Issuer
	if e.Key == "" {
		e.addFinding("iss is missing: it names the API key")
		return e, nil
	}
	key, err := a.explainKey(ctx, e)
	if err != nil || key == nil {
		return e, err
	}
	current, previous := key.Secrets(a.config.Now())
	e.Fits = verifyJWT(token, key, Secrets{current, previous}) != nil
	if !e.Fits {
		e.addFinding("%s", jwtMistake(token, key))
	}
	once := *claims
	once.ID = "" // so that checkClaims does not consume it
	if err := a.checkClaims(ctx, key, &once); err != nil {
		e.addFinding("%s", err)
	}
	if claims.IssuedAt != nil {
		now, signed := a.config.Now().Unix(), claims.IssuedAt.Time().Unix()
		e.Clock = &ClockSkew{signed, now, now - signed, int64(maxClockSkew.Seconds())}
	}
	if sub := claims.Subject; sub != "" && sub != key.Key {
		if err := a.explainSubject(ctx, e, key, sub); err != nil {
			return nil, err
		}
	}
	e.state(key)
	return e, nil
}

func (a *Authority) explainSubject(ctx context.Context, e *Explanation, key *store.Key, sub string) error {
	if !slices.Contains(key.Impersonate, sub) {
		e.addFinding("%q is not in the key's impersonate", sub)
	}
	if _, err := a.keyGrant(ctx, key, sub); err != nil && slices.Contains(key.Impersonate, sub) {
		if asError(err) == nil {
			return err
		}
		e.addFinding("there is no user %q who may use the API", sub)
	}
	return nil
}

// jwtMistake returns the reason why the signature of a JWT is wrong.
func jwtMistake(token *jwt.JSONWebToken, key *store.Key) string {
	alg := jose.SignatureAlgorithm(token.Headers[0].Algorithm)
	if key.PublicKey != "" {
		_, want, err := ParsePublicKey(key.PublicKey)
		if err == nil && alg != want {
			return "it is signed with " + string(alg) + "; the key has a public key, so that " + string(want) + " is expected"
		}
		return "it is signed with a private key that does not belong to the key's public one"
	}
	if alg != jose.HS256 {
		return "it is signed with " + string(alg) + "; the key has no public key, so that HS256 with its secret is expected"
	}
	fits := func(secret string) bool { return token.Claims(hmacKey(secret), &jwt.Claims{}) == nil }
	if key.Previous != "" && fits(key.Previous) {
		return "it is signed with the secret before the last rotation, which does not count any more"
	}
	if fits(key.Secret+"\n") || fits(strings.TrimSpace(key.Secret)+" ") {
		return "white space follows the secret"
	}
	if plain, err := base64.StdEncoding.DecodeString(key.Secret); err == nil && fits(string(plain)) {
		return "the secret was decoded as base64; it is used as it is"
	}
	if plain, err := hex.DecodeString(key.Secret); err == nil && fits(string(plain)) {
		return "the secret was decoded as hexadecimal; it is used as it is"
	}
	return "it is signed with another secret than the key's"
}
