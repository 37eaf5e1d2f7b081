package hooks

import (
	"crypto/sha256"
	"strings"
)

// github verifies an HMAC of the body. Meta's products use the same scheme.
type github struct{}

// Verify implements Verifier.
func (github) Verify(d *Delivery, secrets []string) error {
	text, ok := strings.CutPrefix(d.Header.Get("X-Hub-Signature-256"), "sha256=")
	given := decode("hex", text)
	if !ok || given == nil {
		return ErrUnsigned
	}
	return wrongUnless(match([][]byte{given}, perSecret(secrets, func(secret []byte) []byte {
		return sum(sha256.New, secret, string(d.Body))
	})))
}

// ID implements Verifier.
func (github) ID(d *Delivery) string { return d.Header.Get("X-Github-Delivery") }
