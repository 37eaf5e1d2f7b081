package hooks

import (
	"crypto/sha256"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
)

// basic verifies a user name and a password (RFC 7617).
type basic struct{ v *flows.Verify }

// Verify implements Verifier. It compares hashes, which have equal lengths.
func (b basic) Verify(d *Delivery, secrets []string) error {
	credentials, uses := auth.Credentials(d.Header.Get("Authorization"), "basic")
	user, password, ok := auth.ParseBasic(credentials)
	if !uses || !ok {
		return ErrUnsigned
	}
	given := hashOf(user + "\x00" + password)
	return wrongUnless(match([][]byte{given}, perSecret(secrets, func(secret []byte) []byte {
		return hashOf(b.v.User + "\x00" + string(secret))
	})))
}

func hashOf(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// ID implements Verifier.
func (b basic) ID(d *Delivery) string { return headerID(d, b.v) }

// headerID returns the header that the flow configures as the id of a delivery; empty without one.
func headerID(d *Delivery, v *flows.Verify) string {
	if v.IDHeader == "" {
		return ""
	}
	return d.Header.Get(v.IDHeader)
}
