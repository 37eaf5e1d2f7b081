package hooks

import (
	"crypto/sha256"
	"net/http"

	"github.com/penstock/penstock/flows"
)

// basic is a user name and a password (RFC 7617).
type basic struct{ v *flows.Verify }

// Verify implements Verifier. What is compared are hashes: they have one
// length.
func (b basic) Verify(d *Delivery, secrets []string) error {
	r := http.Request{Header: d.Header}
	user, password, ok := r.BasicAuth()
	if !ok {
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

// named is what the header says that the flow names; empty without one.
func headerID(d *Delivery, v *flows.Verify) string {
	if v.IDHeader == "" {
		return ""
	}
	return d.Header.Get(v.IDHeader)
}
