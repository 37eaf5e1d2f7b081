package connect

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Values of client_auth.
const (
	authBody          = "body"
	authPrivateKeyJWT = "private_key_jwt"
)

// jwtClientAssertion is the type of an assertion that authenticates a client (RFC 7523, section 2.2).
const jwtClientAssertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// clientKeyFields are the key of a client that authenticates with private_key_jwt.
func clientKeyFields() []Field {
	return []Field{
		{Name: "client_key", Secret: true, Kind: FieldLines, Summary: "`private_key_jwt`: PEM private key of the client."},
		{Name: "client_key_id", Summary: "`private_key_jwt`: `kid` of the key, if the server requires one."},
		{Name: "client_key_algorithm", Kind: FieldChoice, Choices: []string{"RS256", "PS256", "ES256", "ES384", "EdDSA"}, Default: "RS256", Summary: "`private_key_jwt`: signature algorithm."},
		{Name: "client_certificate", Kind: FieldLines, Summary: "`private_key_jwt`: PEM certificate of the key, whose thumbprint is sent (`x5t#S256`), as Microsoft Entra requires."},
	}
}

// clientAssertion returns a function that signs an assertion of the client for a point in time (OpenID Connect Core,
// section 9); nil when the client authenticates otherwise.
func clientAssertion(s settings) (func(time.Time) (string, error), error) {
	if s.Text["client_auth"] != authPrivateKeyJWT {
		for _, f := range clientKeyFields() {
			if f.Default == "" && s.Text[f.Name] != "" {
				return nil, errors.New(f.Name + " has no meaning without client_auth: private_key_jwt")
			}
		}
		return nil, nil
	}
	switch {
	case s.Text["client_key"] == "":
		return nil, errors.New("client_key is missing: private_key_jwt signs with it")
	case s.Text["client_id"] == "":
		return nil, errors.New("client_id is missing")
	case s.Text["client_secret"] != "":
		return nil, errors.New("client_secret has no meaning with client_auth: private_key_jwt")
	}
	headers := map[jose.HeaderKey]any{}
	if text := s.Text["client_certificate"]; text != "" {
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			return nil, errors.New("client_certificate holds no PEM certificate (-----BEGIN CERTIFICATE-----)")
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return nil, errors.New("client_certificate holds no certificate")
		}
		sum := sha256.Sum256(block.Bytes)
		headers["x5t#S256"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	signer, err := newSigner(jose.SignatureAlgorithm(s.Text["client_key_algorithm"]), s.Text["client_key"], s.Text["client_key_id"], headers)
	if err != nil {
		return nil, errors.New("client_" + err.Error())
	}
	return func(now time.Time) (string, error) {
		return sign(signer, nil, jwt.Claims{
			ID: rand.Text(), Issuer: s.Text["client_id"], Subject: s.Text["client_id"], Audience: jwt.Audience{s.Text["token_url"]},
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(assertionLife)),
		})
	}, nil
}

// tokenParams reads the further parameters of a token request.
func tokenParams(s settings) (url.Values, error) {
	pairs, err := readPairs("token_params", s.Text["token_params"])
	if err != nil {
		return nil, err
	}
	params := url.Values{}
	for _, p := range pairs {
		params.Add(p.name, p.value)
	}
	for _, taken := range []string{"grant_type", "client_id", "client_secret", "refresh_token", "assertion", "client_assertion"} {
		if params.Has(taken) {
			return nil, errors.New("token_params: " + taken + " is no further parameter")
		}
	}
	return params, nil
}
