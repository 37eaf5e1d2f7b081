package connect

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// assertionLife is the lifetime of a signed assertion.
const assertionLife = 5 * time.Minute

const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"

func jwtAssertionType() Type {
	algorithms := []string{"RS256", "PS256", "ES256", "ES384", "EdDSA", "HS256"}
	return Type{
		Name: "jwt_assertion", Summary: "OAuth 2.0 JWT bearer assertion (RFC 7523), signed for each token request or given ready-made.", Pinned: true,
		Fields: tokenFields(append(clientFields(false),
			Field{Name: "key", Secret: true, Kind: FieldLines, Summary: "PEM private key, or the shared secret for HS256."},
			Field{Name: "algorithm", Kind: FieldChoice, Choices: algorithms, Default: "RS256", Summary: "Signature algorithm of the assertion."},
			Field{Name: "key_id", Summary: "`kid` of the key, if the server requires one."},
			Field{Name: "issuer", Summary: "`iss` of the assertion."},
			Field{Name: "subject", Summary: "`sub` of the assertion; default: the issuer."},
			Field{Name: "assertion_audience", Summary: "`aud` of the assertion; default: the token endpoint."},
			Field{Name: "claims", Kind: FieldLines, Summary: "Additional claims as a JSON object."},
			Field{Name: "assertion", Secret: true, Summary: "A ready-made assertion instead of a key."},
		)...),
		open: func(r *Resolver, s settings) (any, error) {
			sign, err := newAssertion(s)
			if err != nil {
				return nil, err
			}
			return r.oauth(s, func(string) (url.Values, error) {
				assertion, err := sign(time.Now())
				return url.Values{"grant_type": {jwtBearer}, "assertion": {assertion}}, err
			})
		},
	}
}

// newAssertion returns a function that creates the assertion for a point in time.
func newAssertion(s settings) (func(time.Time) (string, error), error) {
	ready, key := s.Text["assertion"], s.Text["key"]
	switch {
	case (ready == "") == (key == ""):
		return nil, errors.New("a jwt_assertion connection needs either key or assertion")
	case ready != "":
		return func(time.Time) (string, error) { return ready, nil }, nil
	case s.Text["issuer"] == "":
		return nil, errors.New("issuer is missing")
	}
	further := map[string]any{}
	if s.Text["claims"] != "" && json.Unmarshal([]byte(s.Text["claims"]), &further) != nil {
		return nil, errors.New("claims is no JSON object")
	}
	signer, err := newSigner(jose.SignatureAlgorithm(s.Text["algorithm"]), key, s.Text["key_id"], nil)
	if err != nil {
		return nil, err
	}
	return func(now time.Time) (string, error) {
		return sign(signer, further, jwt.Claims{
			ID:       rand.Text(),
			Issuer:   s.Text["issuer"],
			Subject:  cmp.Or(s.Text["subject"], s.Text["issuer"]),
			Audience: jwt.Audience{cmp.Or(s.Text["assertion_audience"], s.Text["token_url"])},
			IssuedAt: jwt.NewNumericDate(now),
			Expiry:   jwt.NewNumericDate(now.Add(assertionLife)),
		})
	}, nil
}

func sign(signer jose.Signer, further map[string]any, claims jwt.Claims) (string, error) {
	text, err := jwt.Signed(signer).Claims(further).Claims(claims).Serialize()
	if err != nil {
		return "", errors.New("its assertion cannot be signed")
	}
	return text, nil
}

// newSigner returns the signer with a key. headers are further ones of each assertion.
func newSigner(algorithm jose.SignatureAlgorithm, key, id string, headers map[jose.HeaderKey]any) (jose.Signer, error) {
	var parsed any = []byte(key)
	if algorithm != jose.HS256 {
		private, err := privateKey(key)
		if err != nil {
			return nil, err
		}
		parsed = private
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	if id != "" {
		options = options.WithHeader("kid", id)
	}
	for name, v := range headers {
		options = options.WithHeader(name, v)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: parsed}, options)
	if err == nil {
		_, err = signer.Sign([]byte("test of the key"))
	}
	if err != nil {
		return nil, fmt.Errorf("key is no key for %s", algorithm)
	}
	return signer, nil
}

// privateKey parses a PEM key: PKCS #8, PKCS #1 or SEC 1.
func privateKey(text string) (crypto.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("key holds no PEM private key (-----BEGIN PRIVATE KEY-----)")
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	return nil, errors.New("key is no private key in PKCS #8, PKCS #1 or SEC 1 form")
}
