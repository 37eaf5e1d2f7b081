package sender

import (
	"context"
	"crypto/sha256"

	"github.com/penstock/penstock/internal/httpauth"
)

// token compares a secret that the sender sends: in a header, as a bearer token, in a member of the body, or in the
// query string if the sender cannot set headers.
type token struct {
	place *place
	all   string // path of members that must all be the token; empty: place
}

func (t *token) check(_ context.Context, d *Delivery, secrets []string, _ Keys) error {
	given := t.read(d)
	if len(given) == 0 {
		return t.place.explainMissing(d)
	}
	fits := true
	for _, text := range given {
		fits = isOneOf(text, secrets) && fits
	}
	if !fits {
		return ErrWrong
	}
	return nil
}

// read returns the tokens of a delivery; none if there is no token.
func (t *token) read(d *Delivery) []string {
	if t.all != "" {
		return d.document.all(d.Body, t.all)
	}
	if t.place.value == nil && t.place.param == "" && len(t.place.headers) == 0 {
		if given, uses := httpauth.Credentials(d.Header.Get("Authorization"), "bearer"); uses && given != "" {
			return []string{given}
		}
		return nil
	}
	texts, _ := t.place.texts(d)
	return texts
}

// basic verifies a user name and a password (RFC 7617).
type basic struct{ user string }

// check compares hashes, which have equal lengths.
func (b *basic) check(_ context.Context, d *Delivery, secrets []string, _ Keys) error {
	text, uses := httpauth.Credentials(d.Header.Get("Authorization"), "basic")
	user, password, ok := httpauth.ParseBasic(text)
	if !uses || !ok {
		return flawed("user", ErrUnsigned, "the header Authorization has no user name and password")
	}
	var right [][]byte
	for _, s := range secrets {
		right = append(right, hashOf(b.user+"\x00"+s))
	}
	if !match([][]byte{hashOf(user + "\x00" + password)}, right) {
		return ErrWrong
	}
	return nil
}

// isOneOf reports whether a text is one of the secrets. It compares hashes, which have equal lengths, and all of them.
func isOneOf(text string, secrets []string) bool {
	var right [][]byte
	for _, s := range secrets {
		right = append(right, hashOf(s))
	}
	return match([][]byte{hashOf(text)}, right)
}

func hashOf(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}
