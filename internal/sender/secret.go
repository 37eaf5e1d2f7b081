package sender

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"unicode/utf8"
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
	var right [][]byte
	for _, s := range secrets {
		right = append(right, hashOf(s))
	}
	fits := true
	for _, text := range given {
		fits = match([][]byte{hashOf(text)}, right) && fits
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
		if given, uses := credentials(d.Header.Get("Authorization"), "bearer"); uses && given != "" {
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
	text, uses := credentials(d.Header.Get("Authorization"), "basic")
	user, password, ok := parseBasic(text)
	if !uses || !ok {
		return ErrUnsigned
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

func hashOf(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// credentials returns what follows the name of a scheme in an Authorization header; false: it has another scheme.
func credentials(value, scheme string) (string, bool) {
	const blank = " \t"
	value = strings.Trim(value, blank)
	if len(value) < len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return "", false
	}
	rest := value[len(scheme):]
	return strings.TrimLeft(rest, blank), rest == "" || strings.ContainsRune(blank, rune(rest[0]))
}

// parseBasic decodes the credentials of Basic. The padding of the base64 may be absent, because several products
// document credentials without it.
func parseBasic(text string) (name, password string, ok bool) {
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil || !utf8.Valid(raw) {
		return "", "", false
	}
	return strings.Cut(string(raw), ":")
}
