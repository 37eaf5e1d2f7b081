package hooks

import "crypto/sha256"

// shopify verifies an HMAC of the body.
type shopify struct{}

// Verify implements Verifier.
func (shopify) Verify(d *Delivery, secrets []string) error {
	given := decode("base64", d.Header.Get("X-Shopify-Hmac-Sha256"))
	if given == nil {
		return ErrUnsigned
	}
	return wrongUnless(match([][]byte{given}, perSecret(secrets, func(secret []byte) []byte {
		return sum(sha256.New, secret, string(d.Body))
	})))
}

// ID implements Verifier.
func (shopify) ID(d *Delivery) string { return d.Header.Get("X-Shopify-Webhook-Id") }
