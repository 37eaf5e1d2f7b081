package hooks

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// standard verifies Standard Webhooks (standardwebhooks.com): an id, a timestamp and a list of signatures,
// symmetric (v1) or Ed25519 (v1a).
type standard struct{ tolerance time.Duration }

// Prefixes of secrets.
const (
	symmetricPrefix = "whsec_" // then base64 of the key
	publicPrefix    = "whpk_"  // then base64 of an Ed25519 public key
)

// header returns a header of the scheme, also by the name that Svix, the origin of the scheme, uses.
func (standard) header(h http.Header, name string) string {
	if v := h.Get("Webhook-" + name); v != "" {
		return v
	}
	return h.Get("Svix-" + name)
}

// Verify implements Verifier.
func (s standard) Verify(d *Delivery, secrets []string) error {
	id, ts := s.header(d.Header, "Id"), s.header(d.Header, "Timestamp")
	signatures := strings.Fields(s.header(d.Header, "Signature"))
	if id == "" || ts == "" || len(signatures) == 0 || len(signatures) > maxProofs {
		return ErrUnsigned
	}
	signed := id + "." + ts + "." + string(d.Body)
	fits := false
	for _, secret := range secrets {
		one, err := s.proves(signed, signatures, secret)
		if err != nil {
			return err
		}
		fits = fits || one
	}
	if err := wrongUnless(fits); err != nil {
		return err
	}
	return checkTimestamp(ts, d.Now, s.tolerance)
}

// proves reports whether one of the signatures was made with the secret.
func (s standard) proves(signed string, signatures []string, secret string) (bool, error) {
	public, asymmetric := strings.CutPrefix(secret, publicPrefix)
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(public, symmetricPrefix))
	if err != nil || asymmetric && len(key) != ed25519.PublicKeySize {
		return false, ErrSecret
	}
	var given [][]byte
	for _, text := range signatures {
		version, encoded, _ := strings.Cut(text, ",")
		signature := decode("base64", encoded)
		switch {
		case version == "v1" && !asymmetric:
			given = append(given, signature)
		case version == "v1a" && asymmetric && ed25519.Verify(key, []byte(signed), signature):
			return true, nil
		}
	}
	return match(given, [][]byte{sum(sha256.New, key, signed)}), nil
}

// ID implements Verifier.
func (s standard) ID(d *Delivery) string { return s.header(d.Header, "Id") }
