package session

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
)

// HeaderCSRF is the header with the CSRF token of requests sent by the script; forms send it in the field csrf.
const HeaderCSRF = "X-Csrf-Token"

// MaskToken returns the token XORed with a random pad, and the pad, in base64url. The text differs on every page, so
// that an attacker cannot find the token through the size of compressed pages (BREACH).
func MaskToken(token string) string {
	both := make([]byte, 2*len(token))
	pad := both[:len(token)]
	_, _ = rand.Read(pad) // never fails
	subtle.XORBytes(both[len(token):], []byte(token), pad)
	return base64.RawURLEncoding.EncodeToString(both)
}

// unmaskToken reverses MaskToken.
func unmaskToken(masked string) (string, error) {
	both, err := base64.RawURLEncoding.DecodeString(masked)
	if err != nil || len(both)%2 != 0 {
		return "", errors.New("no masked token")
	}
	half := len(both) / 2
	subtle.XORBytes(both[half:], both[half:], both[:half])
	return string(both[half:]), nil
}

// ValidCSRF reports whether the request contains the masked token. It compares in constant time.
func ValidCSRF(r *http.Request, token string) bool {
	given := r.Header.Get(HeaderCSRF)
	if given == "" {
		given = r.PostFormValue("csrf")
	}
	plain, err := unmaskToken(given)
	return err == nil && token != "" && subtle.ConstantTimeCompare([]byte(plain), []byte(token)) == 1
}
