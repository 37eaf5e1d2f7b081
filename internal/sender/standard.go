package sender

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// standard verifies Standard Webhooks (standardwebhooks.com): an id, a timestamp and a list of signatures, symmetric
// (v1) or Ed25519 (v1a). It is code, because the secret decides on the algorithm.
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

func (s standard) check(_ context.Context, d *Delivery, secrets []string, _ Keys) error {
	id, ts := s.header(d.Header, "Id"), s.header(d.Header, "Timestamp")
	signatures := strings.Fields(s.header(d.Header, "Signature"))
	for _, h := range []struct{ name, value string }{{"id", id}, {"timestamp", ts}, {"signature", strings.Join(signatures, "")}} {
		if h.value == "" {
			return flawed("scheme", ErrUnsigned, "the header webhook-%s is missing", h.name)
		}
	}
	if len(signatures) > maxProofs {
		return flawed("scheme", ErrUnsigned, "the header webhook-signature has more than %d signatures", maxProofs)
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
	if !fits {
		return ErrWrong
	}
	return checkTimestamp(formatUnix, ts, d.Now, s.tolerance)
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
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(signed))
	return match(given, [][]byte{mac.Sum(nil)}), nil
}

// id returns the id of a delivery.
func (s standard) id(d *Delivery) string { return s.header(d.Header, "Id") }
