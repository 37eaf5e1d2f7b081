package connect

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/penstock/penstock/store"
)

// pemOf writes a key in one of the forms that privateKey parses.
func pemOf(t *testing.T, kind string, der []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func assertionSettings(t *testing.T, given map[string]string) settings {
	t.Helper()
	given["token_url"] = "https://login.example.org/token"
	s, err := read(&store.Connection{Name: "crm", Settings: given}, jwtAssertionType())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Each key form signs an assertion (RFC 7523) that the public key verifies, anew for each request and for five minutes.
func TestAssertions(t *testing.T) {
	t.Parallel()
	rsaKey, err1 := rsa.GenerateKey(rand.Reader, 2048)
	ecKey, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	edPublic, edKey, err3 := ed25519.GenerateKey(rand.Reader)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	pkcs8 := func(key any) string {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		return pemOf(t, "PRIVATE KEY", der, err)
	}
	ecDER, err := x509.MarshalECPrivateKey(ecKey)
	for _, tc := range []struct {
		algorithm, key string
		public         crypto.PublicKey
	}{
		{"RS256", pkcs8(rsaKey), &rsaKey.PublicKey},
		{"PS256", pemOf(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil), &rsaKey.PublicKey},
		{"ES256", pemOf(t, "EC PRIVATE KEY", ecDER, err), &ecKey.PublicKey},
		{"EdDSA", pkcs8(edKey), edPublic},
		{"HS256", "a shared secret of at least 32 bytes", []byte("a shared secret of at least 32 bytes")},
	} {
		sign, err := newAssertion(assertionSettings(t, map[string]string{
			"algorithm": tc.algorithm, "key": tc.key, "key_id": "k1", "issuer": "us", "subject": "ann", "claims": `{"scope": "read", "iss": "someone else"}`,
		}))
		if err != nil {
			t.Fatalf("%s: %v", tc.algorithm, err)
		}
		now := time.Unix(1_800_000_000, 0)
		text, err := sign(now)
		again, err2 := sign(now)
		if err != nil || err2 != nil || text == again {
			t.Fatalf("%s: %v, %v; both %q", tc.algorithm, err, err2, text)
		}
		token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(tc.algorithm)})
		if err != nil {
			t.Fatalf("%s: %v", tc.algorithm, err)
		}
		var claims jwt.Claims
		var further struct {
			Scope string `json:"scope"`
		}
		if err := token.Claims(tc.public, &claims, &further); err != nil {
			t.Fatalf("%s: %v", tc.algorithm, err)
		}
		if claims.Issuer != "us" || claims.Subject != "ann" || !claims.Audience.Contains("https://login.example.org/token") || further.Scope != "read" ||
			claims.ID == "" || !claims.Expiry.Time().Equal(now.Add(assertionLife)) || token.Headers[0].KeyID != "k1" {
			t.Errorf("%s: %+v %+v %+v", tc.algorithm, claims, further, token.Headers)
		}
	}
}

// Settings that cannot sign are refused when the connection is stored, without a part of the key in the reason.
func TestAssertionsThatCannotBeSigned(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := pemOf(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil)
	const never = "s3cret"
	for _, tc := range []struct {
		settings map[string]string
		want     string
	}{
		{map[string]string{}, "either key or assertion"},
		{map[string]string{"key": good, "assertion": "ready"}, "either key or assertion"},
		{map[string]string{"key": good}, "issuer is missing"},
		{map[string]string{"key": never, "issuer": "us"}, "no PEM private key"},
		{map[string]string{"key": "-----BEGIN PRIVATE KEY-----\n" + "czNjcmV0\n" + "-----END PRIVATE KEY-----\n", "issuer": "us"}, "no private key in PKCS"},
		{map[string]string{"key": good, "issuer": "us", "algorithm": "ES256"}, "no key for ES256"},
		{map[string]string{"key": "", "issuer": "us", "algorithm": "HS256"}, "either key or assertion"},
		{map[string]string{"key": good, "issuer": "us", "claims": "[" + never}, "no JSON object"},
	} {
		_, err := newAssertion(assertionSettings(t, tc.settings))
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), never) || strings.Contains(err.Error(), "czNj") {
			t.Errorf("%.80v: %v, want %q", tc.settings, err, tc.want)
		}
	}
	ready, err := newAssertion(assertionSettings(t, map[string]string{"assertion": "made elsewhere"}))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := ready(time.Now()); text != "made elsewhere" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}
