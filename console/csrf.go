package console

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
)

// headerCSRF is the header with the CSRF token of requests sent by the script; forms send it in the field csrf.
const headerCSRF = "X-Csrf-Token"

// errCSRF is the response to a write without a valid CSRF token or from another origin.
var errCSRF = &fault{http.StatusForbidden, "This page is out of date", "Reload it and try again: the session that it was made for is another one."}

// maskToken returns the token XORed with a random pad, and the pad, in base64url. The text differs on every page, so
// that an attacker cannot find the token through the size of compressed pages (BREACH).
func maskToken(token string) string {
	both := make([]byte, 2*len(token))
	pad := both[:len(token)]
	_, _ = rand.Read(pad) // never fails
	subtle.XORBytes(both[len(token):], []byte(token), pad)
	return base64.RawURLEncoding.EncodeToString(both)
}

// unmaskToken reverses maskToken.
func unmaskToken(masked string) (string, error) {
	both, err := base64.RawURLEncoding.DecodeString(masked)
	if err != nil || len(both)%2 != 0 {
		return "", errors.New("no masked token")
	}
	half := len(both) / 2
	subtle.XORBytes(both[half:], both[half:], both[:half])
	return string(both[half:]), nil
}

// csrfValid reports whether the request contains the masked token. It compares in constant time.
func csrfValid(r *http.Request, token string) bool {
	given := r.Header.Get(headerCSRF)
	if given == "" {
		given = r.PostFormValue("csrf")
	}
	plain, err := unmaskToken(given)
	return err == nil && token != "" && subtle.ConstantTimeCompare([]byte(plain), []byte(token)) == 1
}

// isWrite reports whether a request may change state.
func isWrite(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead
}
