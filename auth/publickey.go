package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"

	"github.com/go-jose/go-jose/v4"
)

// ParsePublicKey parses the PEM text of an RSA key with at least 2048 bits, a P-256 key or an Ed25519 key, and
// returns the algorithm that it is used with.
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
