package sender

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/penstock/penstock/internal/httpauth"
)

// jwtProof verifies a JWT of the sender, and the claim that has the hash of the body.
type jwtProof struct {
	place     *place
	algorithm jose.SignatureAlgorithm
	jwks      string // URL of the keys; empty: the stored secret is the key
	audience  string // empty: any
	bodyClaim string // claim with the SHA-256 of the body; empty: the body is not signed
	encoding  string // of bodyClaim
	claims    []expectation
	tolerance time.Duration
}

// jwtAlgorithms are the algorithms that a description may name. Read only.
var jwtAlgorithms = []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// maxJWT is the maximum length of a JWT.
const maxJWT = 8 << 10

func (j *jwtProof) check(ctx context.Context, d *Delivery, secrets []string, source Keys) error {
	text := j.text(d)
	if text == "" || len(text) > maxJWT {
		return flawed("header", ErrUnsigned, "the JWT is missing")
	}
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{j.algorithm})
	if err != nil || len(token.Headers) != 1 {
		return flawed("algorithm", ErrUnsigned, "the proof is not a JWT signed with %s", j.algorithm)
	}
	keys, err := j.keys(ctx, token.Headers[0].KeyID, secrets, source)
	if err != nil {
		return err
	}
	claims, all := jwt.Claims{}, map[string]any{}
	if !slices.ContainsFunc(keys, func(key any) bool { return token.Claims(key, &claims, &all) == nil }) {
		return ErrWrong
	}
	return j.checkClaims(d, &claims, all)
}

// text returns the JWT: of the configured place, or else the bearer token.
func (j *jwtProof) text(d *Delivery) string {
	if j.place.value == nil && j.place.param == "" && len(j.place.headers) == 0 {
		text, _ := httpauth.Credentials(d.Header.Get("Authorization"), "bearer")
		return text
	}
	texts, _ := j.place.texts(d)
	if len(texts) == 0 {
		return ""
	}
	return texts[0]
}

// signed returns the signed part of the JWT.
func (j *jwtProof) signed(d *Delivery) string {
	text := j.text(d)
	return hex.EncodeToString(hashOf(text[:max(0, strings.LastIndexByte(text, '.'))]))
}

// keys returns the keys with which the JWT may be signed.
func (j *jwtProof) keys(ctx context.Context, id string, secrets []string, source Keys) ([]any, error) {
	if j.jwks != "" {
		if source == nil {
			return nil, ErrKeys
		}
		text, err := source.Document(ctx, j.jwks)
		if err != nil {
			return nil, err
		}
		return publicKeys(text, id), nil
	}
	var keys []any
	for _, s := range secrets {
		if strings.HasPrefix(string(j.algorithm), "HS") {
			keys = append(keys, padded([]byte(s)))
			continue
		}
		if strings.HasPrefix(strings.TrimSpace(s), "{") {
			keys = append(keys, publicKeys([]byte(s), id)...)
			continue
		}
		key, err := (&publicProof{}).parseKey(s)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// padded pads a short secret with zeros to 64 bytes, which the library requires; HMAC does the same.
func padded(key []byte) []byte { return append(key, make([]byte, max(0, 64-len(key)))...) }

// maxKeys is the maximum number of keys in a set.
const maxKeys = 64

// publicKeys returns the public keys with an id from a JSON Web Key or a set of them.
func publicKeys(text []byte, id string) []any {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(text, &set) != nil || len(set.Keys) > maxKeys {
		return nil
	}
	if set.Keys == nil {
		set.Keys = []json.RawMessage{text}
	}
	var keys []any
	for _, raw := range set.Keys { // keys of unknown kinds are left out
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) == nil && key.IsPublic() && (id == "" || key.KeyID == "" || key.KeyID == id) {
			keys = append(keys, key.Key)
		}
	}
	return keys
}

// checkClaims checks the claims of a verified JWT.
func (j *jwtProof) checkClaims(d *Delivery, c *jwt.Claims, all map[string]any) error {
	switch {
	case j.audience != "" && !c.Audience.Contains(j.audience):
		return flawed("audience", ErrWrong, "the claim aud is not %q", j.audience)
	case c.Expiry != nil && !d.Now.Before(c.Expiry.Time().Add(time.Minute)):
		return flawed(wordTolerance, ErrWrong, "the JWT has expired")
	case c.NotBefore != nil && c.NotBefore.Time().After(d.Now.Add(j.tolerance)):
		return flawed(wordTolerance, ErrWrong, "the claim nbf is in the future")
	case c.IssuedAt != nil && c.IssuedAt.Time().After(d.Now.Add(j.tolerance)):
		return flawed(wordTolerance, ErrWrong, "the claim iat is in the future")
	case c.Expiry == nil && c.IssuedAt != nil && d.Now.Sub(c.IssuedAt.Time()) > j.tolerance:
		return flawed(wordTolerance, ErrWrong, "the claim iat is older than %v", j.tolerance)
	}
	for _, e := range j.claims {
		if err := e.allow(claimText(all[e.claim])); err != nil {
			return err
		}
	}
	if j.bodyClaim == "" {
		return nil
	}
	sum, given := sha256.Sum256(d.Body), decode(j.encoding, claimText(all[j.bodyClaim]))
	if subtle.ConstantTimeCompare(sum[:], given) != 1 {
		return flawed("body_claim", ErrWrong, "the claim %s is not the hash of the body, which was changed", j.bodyClaim)
	}
	return nil
}

func claimText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return fmt.Sprint(v)
	}
	return ""
}
