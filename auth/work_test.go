package auth

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/store"
)

// An unknown key causes the same work as a known one. The test counts allocations, which each hash makes, instead
// of measuring time. It is not parallel, because the allocations of other tests would count.
func TestUnknownPrincipalsCostTheSameWork(t *testing.T) {
	const secret = "no secret: it is as long as this"
	known := Secrets{Current: secret}
	q, err := ParseQuery("flow=1&ts=1&check=00112233445566778899aabbccddeeff&key=key-a")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat("x", 32))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(jwt.Claims{Issuer: "key-a"}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		t.Fatal(err)
	}
	wrong := [][sha256.Size]byte{{1}}
	for name, work := range map[string]func(*store.Key, Secrets) bool{
		"check value": func(_ *store.Key, s Secrets) bool { return VerifyCheck(q, []byte(`{"a":1}`), s) },
		"signature":   func(_ *store.Key, s Secrets) bool { return verifySignature(signedV1("1", []byte(`{"a":1}`)), wrong, s) },
		"JWT":         func(k *store.Key, s Secrets) bool { return verifyJWT(token, k, s) != nil },
	} {
		count := func(k *store.Key, s Secrets) float64 {
			return testing.AllocsPerRun(100, func() {
				if work(k, s) {
					t.Fatalf("%s fits", name)
				}
			})
		}
		of, nobody := count(&store.Key{}, known), count(nil, Secrets{})
		both := count(&store.Key{}, Secrets{Current: secret, Previous: secret})
		if of != nobody || of != both || of == 0 {
			t.Errorf("%s: %v allocations for a key, %v for one that rotates, %v for one that is not there", name, of, both, nobody)
		}
	}
}

// counting counts the password hashes: each one asks Check first.
type counting struct {
	noWait
	hashes *int
}

func (c counting) Check(context.Context, limits.Attempt) (limits.Wait, error) {
	*c.hashes++
	return limits.Wait{}, nil
}

// An unknown user or client costs one hash, like a known one. The tests of package password check the cost of a
// hash.
func TestUnknownUsersAndClientsCostAHash(t *testing.T) {
	t.Parallel()
	hashes := 0
	a := newAuthority(t, counting{hashes: &hashes})
	for name, try := range map[string]func(){
		"a user":          func() { _, _ = a.User(t.Context(), "ann", "guess", "192.0.2.1") },
		"an unknown user": func() { _, _ = a.User(t.Context(), "nobody", "guess", "192.0.2.1") },
		"a client":        func() { _, _ = a.client(t.Context(), clientRequest("client-a", "guess")) },
		"unknown client":  func() { _, _ = a.client(t.Context(), clientRequest("client-b", "guess")) },
	} {
		hashes = 0
		try()
		if hashes != 1 {
			t.Errorf("%s costs %d hashes", name, hashes)
		}
	}
}

func clientRequest(id, secret string) *TokenRequest {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(id, secret)
	return &TokenRequest{Endpoint: Integrify, Header: r.Header, Params: map[string]string{}, IP: "192.0.2.1"}
}
