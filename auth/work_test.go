package auth

import (
	"context"
	"crypto/sha256"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

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

// hashMemory is the memory of one argon2id hash in bytes, see package password.
const hashMemory = 19 << 20

// A refused user or client costs one hash, whether it exists or not and
// whatever it may do, so that the time of a refusal tells nothing. Two counts
// must agree: the calls that precede a hash, and the memory that hashes fill.
// Not parallel: the memory of other tests would count.
func TestAttackEnumerationByWork(t *testing.T) {
	hashes := 0
	a := newAuthority(t, counting{hashes: &hashes})
	login := func(name, secret string) func() error {
		return func() error {
			_, err := a.Token(t.Context(), &TokenRequest{Endpoint: SyncAccess, Params: map[string]string{"grant_type": "password", "username": name, "password": secret}})
			return err
		}
	}
	user := func(name string) func() error {
		return func() error {
			u, err := a.User(t.Context(), name, "guess", "192.0.2.1")
			if u != nil {
				t.Errorf("a guess proved %s", name)
			}
			return err
		}
	}
	client := func(id string) func() error {
		return func() error {
			r := clientRequest(id, "guess")
			r.Params["grant_type"] = "client_credentials"
			_, err := a.Token(t.Context(), r)
			return err
		}
	}
	for name, c := range map[string]struct {
		try  func() error
		code Code // of the refusal; empty: none
		want int  // hashes
	}{
		"a user":                {login("ann", "guess"), CodeInvalidGrant, 1},
		"an unknown user":       {login("nobody", "guess"), CodeInvalidGrant, 1},
		"a user without a role": {login("guest", "guess"), CodeInvalidGrant, 1},
		"a disabled user":       {login("gone", "guess"), CodeInvalidGrant, 1},
		"a user, by Basic":      {user("ann"), "", 1},
		"an unknown, by Basic":  {user("nobody"), "", 1},
		"a client":              {client("client-a"), CodeInvalidClient, 1},
		"an unknown client":     {client("client-b"), CodeInvalidClient, 1},
		"control: no password":  {login("ann", ""), CodeInvalidRequest, 0},
	} {
		hashes = 0
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := c.try()
		runtime.ReadMemStats(&after)
		if refused := asError(err); (refused == nil) != (c.code == "") || refused != nil && refused.Code != c.code {
			t.Errorf("%s: %v, want %q", name, err, c.code)
		}
		if filled := (after.TotalAlloc - before.TotalAlloc) / hashMemory; hashes != c.want || int(filled) != c.want {
			t.Errorf("%s costs %d hashes and the memory of %d, want %d", name, hashes, filled, c.want)
		}
	}
}

// Finding a key and comparing with its secrets costs the same work for a key
// that is not there: the dummy secret takes the place of its own.
func TestAttackEnumerationOfKeysByWork(t *testing.T) {
	a := newAuthority(t, noWait{})
	if _, err := a.config.Store.Keys().Put(t.Context(), store.Key{Key: "key-a", Secret: "a-secret-of-a-key", APIAccess: true}); err != nil {
		t.Fatal(err)
	}
	work := func(key string) float64 {
		q, err := ParseQuery("flow=1&ts=1&check=00112233445566778899aabbccddeeff&key=" + key)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		return testing.AllocsPerRun(100, func() {
			_, secrets, err := FindKey(t.Context(), a.config.Store.Keys(), key, now)
			if err != nil || VerifyCheck(q, []byte(`{"a":1}`), secrets) {
				t.Fatalf("%s: %v", key, err)
			}
		})
	}
	if known, unknown := work("key-a"), work("key-b"); known != unknown || known == 0 {
		t.Errorf("%v allocations for a key, %v for one that is not there", known, unknown)
	}
}

func clientRequest(id, secret string) *TokenRequest {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(id, secret)
	return &TokenRequest{Endpoint: Integrify, Header: r.Header, Params: map[string]string{}, IP: "192.0.2.1"}
}
