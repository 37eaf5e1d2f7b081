package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func pemOf(t *testing.T, key crypto.PublicKey, kind string) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// rsaOf returns a public key with a modulus of this size, which need not be a product of primes.
func rsaOf(bits uint) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537}
}

func ecdsaOf(t *testing.T, curve elliptic.Curve) *ecdsa.PublicKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &key.PublicKey
}

func TestParsePublicKey(t *testing.T) {
	t.Parallel()
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := pemOf(t, ed, "PUBLIC KEY")
	for _, tc := range []struct {
		name, text string
		alg        jose.SignatureAlgorithm // empty: rejected
		reason     string
	}{
		{name: "Ed25519", text: good, alg: jose.EdDSA},
		{name: "P-256", text: pemOf(t, ecdsaOf(t, elliptic.P256()), "PUBLIC KEY"), alg: jose.ES256},
		{name: "RSA of 2048 bits", text: pemOf(t, rsaOf(2048), "PUBLIC KEY"), alg: jose.RS256},
		{name: "RSA of 2047 bits", text: pemOf(t, rsaOf(2047), "PUBLIC KEY"), reason: "2048 bits or more"},
		{name: "P-384", text: pemOf(t, ecdsaOf(t, elliptic.P384()), "PUBLIC KEY"), reason: "P-256"},
		{name: "empty", reason: "one PEM block"},
		{name: "no PEM", text: "ssh-ed25519 AAAA", reason: "one PEM block"},
		{name: "another type", text: pemOf(t, ed, "PRIVATE KEY"), reason: "one PEM block"},
		{name: "two blocks", text: good + good, reason: "one PEM block"},
		{name: "text after the block", text: good + "x", reason: "one PEM block"},
		{name: "not a key", text: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("key")})), reason: "cannot be read"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			key, alg, err := ParsePublicKey(tc.text)
			if alg != tc.alg || (key != nil) != (tc.alg != "") || (err != nil) != (tc.alg == "") {
				t.Fatalf("ParsePublicKey = %T, %q, %v", key, alg, err)
			}
			if err != nil && !strings.Contains(err.Error(), tc.reason) {
				t.Errorf("error %q, want %q", err, tc.reason)
			}
		})
	}
}
