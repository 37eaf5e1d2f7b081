package auth

import (
	"bytes"
	"crypto/md5" // the SmartSYNC protocol fixes the hash
	"crypto/subtle"
	"encoding/hex"
	"hash"
)

// Secrets are the valid secrets of an API key at one moment.
type Secrets struct {
	Current  string // empty for an unknown key: nothing matches
	Previous string // the old secret during a rotation; empty: none
}

// dummy is hashed in place of a missing secret, so that an unknown key takes the same time as a known one. A match
// with it is discarded.
const dummy = "no secret: matches are discarded"

// trimmed are the bytes that PHP's trim function removes.
const trimmed = " \t\n\r\x00\x0b"

// Canonical returns the canonical form of a POST body, which is what the caller signs and what the run gets:
// without white space around it, and without any CR or LF. It reuses the memory of body.
func Canonical(body []byte) []byte {
	c := bytes.Trim(body, trimmed)
	if bytes.IndexByte(c, '\n') < 0 && bytes.IndexByte(c, '\r') < 0 {
		return c
	}
	kept := c[:0]
	for _, b := range c {
		if b != '\r' && b != '\n' {
			kept = append(kept, b)
		}
	}
	return kept
}

// CheckValue returns the check value, in lower-case hex, of a request with the parameters q and the canonical body
// c, which may be empty. A parameter named check is left out.
func CheckValue(q Query, c []byte, secret string) string {
	sum := signedWith(signedPart(q, c), secret)
	return hex.EncodeToString(sum[:])
}

// VerifyCheck reports whether the parameter check of q is the check value of q and c under one of the secrets. Its
// duration depends neither on which secret matches nor on whether there are any.
func VerifyCheck(q Query, c []byte, secrets Secrets) bool {
	var given [md5.Size]byte
	wellFormed := decodeCheck(&given, q.Get("check"))
	signed := signedPart(q, c)
	match := matches(signed, secrets.Current, &given) | matches(signed, secrets.Previous, &given)
	return wellFormed&match == 1
}

func decodeCheck(dst *[md5.Size]byte, check string) int {
	if len(check) != hex.EncodedLen(md5.Size) {
		return 0
	}
	if _, err := hex.Decode(dst[:], []byte(check)); err != nil {
		return 0
	}
	return 1
}

func matches(signed hash.Hash, secret string, given *[md5.Size]byte) int {
	present := 1
	if secret == "" {
		secret, present = dummy, 0
	}
	sum := signedWith(signed, secret)
	return present & subtle.ConstantTimeCompare(sum[:], given[:])
}

// signedPart returns the hash state after everything but the secret, to be completed once per secret.
func signedPart(q Query, c []byte) hash.Hash {
	var stack [256]byte
	text := stack[:0]
	for _, p := range q.Params() {
		if p.Name == "check" {
			continue
		}
		text = append(text, p.Value...)
		text = append(text, '|')
	}
	h := md5.New()
	h.Write(text)
	if len(c) > 0 {
		h.Write(c)
		h.Write([]byte{'|'})
	}
	return h
}

// signedWith completes the hash with a secret. It does not change signed.
func signedWith(signed hash.Hash, secret string) (sum [md5.Size]byte) {
	h, err := signed.(hash.Cloner).Clone()
	if err != nil {
		panic(err) // the md5 of the standard library always clones
	}
	h.Write([]byte(secret))
	h.Sum(sum[:0])
	return sum
}
