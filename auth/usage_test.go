package auth

import (
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/penstock/penstock/store"
)

// counter records the calls of Count.
type counter []bool

func (c *counter) Count(_ *store.Key, previous bool) { *c = append(*c, previous) }

func TestTally(t *testing.T) {
	t.Parallel()
	const ts, body = "1795280000", `{"a":1}`
	var got counter
	scheme := SignatureScheme{Keys: oneKey{key: testKey()}, Usage: &got}
	for _, secret := range []string{"current", "previous", "neither", "previous"} {
		_, _ = scheme.Authenticate(t.Context(), request("k1", Sign(ts, []byte(body), secret), body))
	}
	settled := testKey()
	settled.PreviousUntil = now
	scheme.Keys = oneKey{key: settled}
	if _, err := scheme.Authenticate(t.Context(), request("k1", Sign(ts, []byte(body), "current"), body)); err != nil {
		t.Error(err)
	}
	if want := (counter{false, true, true}); !slices.Equal(got, want) {
		t.Errorf("counted %v, want %v: what does not fit, and who has one secret, is not counted", got, want)
	}
}

func TestTallyOfJWTs(t *testing.T) {
	t.Parallel()
	var got counter
	secrets := Secrets{Current: "current", Previous: "previous"}
	for _, secret := range []string{"previous", "current"} {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: hmacKey(secret)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := jwt.Signed(signer).Claims(jwt.Claims{Issuer: "k1"}).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.HS256})
		if err != nil {
			t.Fatal(err)
		}
		RecordUse(&got, testKey(), secrets, func(only Secrets) bool { return verifyJWT(token, testKey(), only) != nil })
	}
	if want := (counter{true, false}); !slices.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
}
