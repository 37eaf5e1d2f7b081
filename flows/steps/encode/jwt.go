package encode

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"hash"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// jwtAlgorithms are the algorithms of tokens (RFC 7518, RFC 8037).
var jwtAlgorithms = []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"} // read only

// hmacAlgorithms are the names of hash functions as algorithms of tokens.
var hmacAlgorithms = map[string]string{"": "HS256", "sha256": "HS256", "sha384": "HS384", "sha512": "HS512"} // read only

// jwtLeeway is how far clocks may differ when the times of a token are checked.
const jwtLeeway = time.Minute

// jwtKey signs and verifies tokens with one algorithm.
type jwtKey struct {
	algorithm string
	secret    string // name
	id        string // kid; empty: none
}

func jwtFormat(args *flows.Args) (form, error) {
	k := jwtKey{algorithm: args.String("algorithm"), secret: args.String("secret"), id: args.String("key_id")}
	if name, ok := hmacAlgorithms[k.algorithm]; ok {
		k.algorithm = name
	}
	switch {
	case k.secret == "":
		return nil, args.Refuse(problem.RequiredKey, "secret", "secret is missing: the name of the stored secret that is the key")
	case !strings.ContainsAny(k.algorithm, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
		return nil, args.Errorf("algorithm", "a token is signed with sha256, sha384 or sha512, or one of %s", strings.Join(jwtAlgorithms, ", "))
	case args.Bool("decode") && k.id != "":
		return nil, args.Refuse(problem.MeaninglessKey, "key_id", "key_id has no meaning when a token is read: the token names its key")
	case args.Bool("decode"):
		return k.read, nil
	}
	return k.write, nil
}

// hmac returns the hash function of an HMAC; nil: the algorithm has a key pair.
func (k *jwtKey) hmac() func() hash.Hash {
	return map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New}[k.algorithm]
}

// write signs claims.
func (k *jwtKey) write(ctx context.Context, in *flows.Input, v any) (any, error) {
	if _, ok := v.(map[string]any); !ok {
		return nil, failure.Errorf("the claims of a token are an object, not %s", content.TypeName(v))
	}
	key, err := secretKey(ctx, in, k.secret)
	if err != nil {
		return nil, err
	}
	if function := k.hmac(); function != nil {
		if err := k.checkHMACKey(key); err != nil {
			return nil, err
		}
		header := map[string]any{"alg": k.algorithm, "typ": "JWT"}
		if k.id != "" {
			header["kid"] = k.id
		}
		signed := base64.RawURLEncoding.EncodeToString(flows.EncodeJSON(header)) + "." + base64.RawURLEncoding.EncodeToString(flows.EncodeJSON(v))
		return signed + "." + base64.RawURLEncoding.EncodeToString(macOf(function, key, signed)), nil
	}
	pair, err := k.parse(key, true)
	if err != nil {
		return nil, err
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	if k.id != "" {
		options = options.WithHeader("kid", k.id)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.algorithm), Key: pair}, options)
	if err != nil {
		return nil, k.wrongKey()
	}
	token, err := signer.Sign(flows.EncodeJSON(v))
	if err != nil {
		return nil, k.wrongKey()
	}
	return token.CompactSerialize()
}

// checkHMACKey refuses a key that is one of a pair, or a set of such keys: everybody who has the public one could sign.
func (k *jwtKey) checkHMACKey(key []byte) error {
	var members map[string]json.RawMessage
	if strings.Contains(string(key), "-----BEGIN ") || json.Unmarshal(key, &members) == nil && (members["kty"] != nil || members["keys"] != nil) {
		return failure.Errorf("the secret %q is PEM or a JSON Web Key, and %s needs a text that only both sides know: name the algorithm of the key, such as RS256", k.secret, k.algorithm)
	}
	return nil
}

func macOf(function func() hash.Hash, key []byte, text string) []byte {
	mac := hmac.New(function, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func (k *jwtKey) wrongKey() error {
	return failure.Errorf("the secret %q is no key for %s", k.secret, k.algorithm)
}

// read returns the claims of a token whose signature and times are right.
func (k *jwtKey) read(ctx context.Context, in *flows.Input, v any) (any, error) {
	text, ok := v.(string)
	if !ok {
		return nil, failure.Errorf("a token is text, not %s", content.TypeName(v))
	}
	key, err := secretKey(ctx, in, k.secret)
	if err != nil {
		return nil, err
	}
	payload, err := k.verified(strings.TrimSpace(text), key)
	if err != nil {
		return nil, err
	}
	claims, err := flows.DecodeJSONOn(in.Charger(ctx), payload)
	if limit := failure.AsLimit(err); limit != nil {
		return nil, limit
	}
	object, ok := claims.(map[string]any)
	if err != nil || !ok {
		return nil, failure.Errorf("the token has no claims in JSON")
	}
	return object, checkTimes(object, flows.Now(ctx))
}

var errSignature = failure.Errorf("the signature of the token is wrong") // read only

// verified returns what a token has signed. The algorithm is that of the step, whatever the token says.
func (k *jwtKey) verified(token string, key []byte) ([]byte, error) {
	head, rest, _ := strings.Cut(token, ".")
	body, proof, ok := strings.Cut(rest, ".")
	var header struct {
		Algorithm string          `json:"alg"`
		Critical  json.RawMessage `json:"crit"`
	}
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil || !ok || json.Unmarshal(raw, &header) != nil {
		return nil, failure.Errorf("the text is no JSON Web Token")
	}
	if header.Algorithm != k.algorithm {
		return nil, failure.Errorf("the token is signed with %.20q, not with %s", header.Algorithm, k.algorithm)
	}
	if header.Critical != nil { // RFC 7515, section 4.1.11
		return nil, failure.Errorf("the token has crit, extensions that its reader must know, and none is known here")
	}
	if function := k.hmac(); function != nil {
		if err := k.checkHMACKey(key); err != nil {
			return nil, err
		}
		given, err := base64.RawURLEncoding.DecodeString(proof)
		if err != nil || !hmac.Equal(given, macOf(function, key, head+"."+body)) {
			return nil, errSignature
		}
		return base64.RawURLEncoding.DecodeString(body)
	}
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(k.algorithm)})
	if err != nil {
		return nil, failure.Errorf("the text is no JSON Web Token")
	}
	pair, err := k.parse(key, false)
	if err != nil {
		return nil, err
	}
	if set, ok := pair.(jose.JSONWebKeySet); ok {
		for _, one := range set.Keys {
			if id := parsed.Signatures[0].Header.KeyID; id != "" && one.KeyID != id || !k.isFor(one) {
				continue
			}
			if payload, err := parsed.Verify(one); err == nil {
				return payload, nil
			}
		}
		return nil, errSignature
	}
	payload, err := parsed.Verify(pair)
	if err != nil {
		return nil, errSignature
	}
	return payload, nil
}

// isFor reports whether a JSON Web Key is for signatures with the algorithm (RFC 7517, sections 4.2 and 4.4).
func (k *jwtKey) isFor(key jose.JSONWebKey) bool {
	return (key.Use == "" || key.Use == "sig") && (key.Algorithm == "" || key.Algorithm == k.algorithm)
}

// parse reads a key: PEM, or JSON Web Keys (RFC 7517). A private key has its public one in it, with which tokens are verified.
func (k *jwtKey) parse(text []byte, private bool) (any, error) {
	if trimmed := strings.TrimSpace(string(text)); strings.HasPrefix(trimmed, "{") {
		var set jose.JSONWebKeySet
		var key jose.JSONWebKey
		switch {
		case !private && json.Unmarshal(text, &set) == nil && len(set.Keys) > 0:
			for i := range set.Keys {
				if !set.Keys[i].IsPublic() {
					set.Keys[i] = set.Keys[i].Public()
				}
			}
			return set, nil
		case json.Unmarshal(text, &key) != nil || !key.Valid() || private && key.IsPublic() || !k.isFor(key):
			return nil, k.wrongKey()
		case private:
			return key.Key, nil
		case !key.IsPublic():
			key = key.Public()
		}
		return key.Key, nil
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, k.wrongKey()
	}
	pair := parsePEM(block.Bytes)
	signer, isPrivate := pair.(crypto.Signer)
	switch {
	case pair == nil || private && !isPrivate:
		return nil, k.wrongKey()
	case isPrivate && !private:
		return signer.Public(), nil
	}
	return pair, nil
}

// parsePEM parses a key or certificate in any of the usual forms; nil: it is none.
func parsePEM(der []byte) any {
	for _, parse := range []func([]byte) (any, error){
		x509.ParsePKCS8PrivateKey, x509.ParsePKIXPublicKey,
		func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) },
		func(der []byte) (any, error) { return x509.ParseECPrivateKey(der) },
		func(der []byte) (any, error) { return x509.ParsePKCS1PublicKey(der) },
		func(der []byte) (any, error) {
			certificate, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, err
			}
			return certificate.PublicKey, nil
		},
	} {
		if key, err := parse(der); err == nil {
			return key
		}
	}
	return nil
}

// checkTimes checks exp and nbf (RFC 7519, sections 4.1.4 and 4.1.5).
func checkTimes(claims map[string]any, now time.Time) error {
	for name, late := range map[string]bool{"exp": true, "nbf": false} {
		v, given := claims[name]
		if !given {
			continue
		}
		seconds, err := json.Number(content.ScalarText(v)).Float64()
		if err != nil {
			return failure.Errorf("the claim %s of the token is no time in seconds", name)
		}
		at := time.Unix(int64(max(min(seconds, 1<<40), 0)), 0)
		switch {
		case late && !now.Before(at.Add(jwtLeeway)):
			return failure.Errorf("the token has expired")
		case !late && now.Before(at.Add(-jwtLeeway)):
			return failure.Errorf("the token is not valid yet")
		}
	}
	return nil
}
