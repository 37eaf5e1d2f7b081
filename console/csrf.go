package console

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
)

// headerCSRF carries the token of scripts; forms send the field csrf.
const headerCSRF = "X-Csrf-Token"

// errForged is the answer to a write that did not come from our own pages.
var errForged = &fault{http.StatusForbidden, "This page is out of date", "Reload it and try again: the session that it was made for is another one."}

// mask hides a token under random bytes: it looks different on every page, so
// that compression cannot give it away.
func mask(token string) string {
	both := make([]byte, 2*len(token))
	pad := both[:len(token)]
	_, _ = rand.Read(pad) // never fails
	subtle.XORBytes(both[len(token):], []byte(token), pad)
	return base64.RawURLEncoding.EncodeToString(both)
}

// unmask reverses mask.
func unmask(masked string) (string, error) {
	both, err := base64.RawURLEncoding.DecodeString(masked)
	if err != nil || len(both)%2 != 0 {
		return "", errors.New("no masked token")
	}
	half := len(both) / 2
	subtle.XORBytes(both[half:], both[half:], both[:half])
	return string(both[half:]), nil
}

// genuine reports whether a request repeats the token.
func genuine(r *http.Request, token string) bool {
	given := r.Header.Get(headerCSRF)
	if given == "" {
		given = r.PostFormValue("csrf")
	}
	plain, err := unmask(given)
	return err == nil && token != "" && subtle.ConstantTimeCompare([]byte(plain), []byte(token)) == 1
}

// writes reports whether a request may change something.
func writes(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead
}
