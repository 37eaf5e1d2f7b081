package auth

import (
	"context"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/penstock/penstock/store"
)

// jwtGrant is Integrify's grant: a JWT that is signed with the secret of an API key, or with the private key of its
// public key (RFC 7523). The client sends no other credentials.
type jwtGrant struct{ *Authority }

// Type implements Grant.
func (jwtGrant) Type() string { return typeJWTBearer }

// Check implements Grant.
func (g jwtGrant) Check(ctx context.Context, r *TokenRequest) (*TokenGrant, error) {
	text := r.Params["assertion"]
	if text == "" {
		return nil, &Error{Code: CodeInvalidRequest, Message: "assertion is missing"}
	}
	key, claims, err := g.openJWT(ctx, text, r.IP)
	if err != nil {
		return nil, err
	}
	o, err := g.keyGrant(ctx, key, claims.Subject)
	if err == nil && key.RefreshTokens && o.Token.Kind == store.PrincipalKey {
		o.refresh = &refreshing{}
	}
	return o, err
}

func badJWT(message string) error { return &Error{Code: CodeInvalidGrant, Message: message} }

// errJWT is the same text for an unknown key and a wrong signature.
var errJWT = &Error{Code: CodeInvalidGrant, Message: "the assertion's issuer is no API key, or its signature is not that key's"}

// maxAssertion bounds what is parsed of a JWT, in bytes.
const maxAssertion = 8 << 10

// keyAlgorithms sign the JWTs of API keys. Read only.
var keyAlgorithms = []jose.SignatureAlgorithm{jose.HS256, jose.RS256, jose.ES256, jose.EdDSA}

// parseJWT parses a JWT that is signed once, with one of the algorithms; nil: it is none. It rejects line breaks, as RFC
// 7515 section 5.2 requires: the decoder of base64 skips them, so that one JWT would have many spellings. One at the end
// is that of the file from which a JWT is sent.
func parseJWT(text string, algorithms ...jose.SignatureAlgorithm) *jwt.JSONWebToken {
	if text = strings.TrimRight(text, "\r\n"); len(text) > maxAssertion || strings.ContainsAny(text, "\r\n") {
		return nil
	}
	token, err := jwt.ParseSigned(text, algorithms)
	if err != nil || len(token.Headers) != 1 {
		return nil
	}
	return token
}

// openJWT verifies a JWT of an API key. The response reveals nothing about the key before the signature is
// verified.
func (a *Authority) openJWT(ctx context.Context, text, ip string) (*store.Key, *jwt.Claims, error) {
	token := parseJWT(text, keyAlgorithms...)
	if token == nil {
		return nil, nil, badJWT("the assertion is not a JWT of at most 8 KiB signed with HS256, RS256, ES256 or EdDSA")
	}
	unverified := &jwt.Claims{}
	if err := token.UnsafeClaimsWithoutVerification(unverified); err != nil {
		return nil, nil, badJWT("the assertion's claims cannot be read")
	}
	key, secrets, err := FindKey(ctx, a.config.Store.Keys(), unverified.Issuer, a.config.Now())
	if err != nil {
		return nil, nil, err
	}
	claims := verifyJWT(token, key, secrets)
	proof := Proof{
		Name: string(KindKey) + ":" + unverified.Issuer, IP: ip, Now: a.config.Now(), Valid: claims != nil,
		Strong: key != nil && key.PublicKey != "" || Strong(secrets.Current, secrets.Previous),
	}
	if err := a.checkJWTProof(ctx, proof); err != nil {
		return nil, nil, err
	}
	if key.PublicKey == "" {
		RecordUse(a.config.Usage, key, secrets, func(only Secrets) bool { return verifyJWT(token, key, only) != nil })
	}
	if !key.APIAccess {
		return nil, nil, &Error{Code: CodeUnauthorizedUse, Message: ErrAccessOff.Message}
	}
	if err := a.checkClaims(ctx, key, claims); err != nil {
		return nil, nil, err
	}
	return key, claims, nil
}

// checkJWTProof is BruteForceGuard.Check with the errors of the token endpoint: a caller that has to wait gets the
// error of a wrong signature.
func (a *Authority) checkJWTProof(ctx context.Context, proof Proof) error {
	wait, err := a.config.Guard.check(ctx, proof)
	switch {
	case err != nil:
		return err
	case wait.Network:
		return tooMany(wait.For)
	case wait.For > 0 || !proof.Valid:
		refused := *errJWT
		refused.Retry = wait.For
		return &refused
	}
	return nil
}

// verifyJWT returns the claims if the signature is valid, else nil. The record of the key decides on the algorithm;
// the header must name the same.
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

// hmacKey pads a short secret with zeros to 32 bytes, which the library requires. HMAC pads keys in the same way,
// so the signature does not change.
func hmacKey(secret string) []byte {
	key := []byte(secret)
	return append(key, make([]byte, max(0, 32-len(key)))...)
}
