package hooks

import (
	"crypto/hmac"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"
)

// maxProofs is the maximum number of signatures in one delivery. Senders add one per secret during a rotation.
const maxProofs = 16

// sum returns the HMAC of the parts.
func sum(algorithm func() hash.Hash, secret []byte, parts ...string) []byte {
	mac := hmac.New(algorithm, secret)
	for _, p := range parts {
		mac.Write([]byte(p))
	}
	return mac.Sum(nil)
}

// match reports whether one of the given proofs equals one of the right ones. It always compares all pairs.
func match(given [][]byte, right [][]byte) bool {
	found := 0
	for _, g := range given[:min(len(given), maxProofs)] {
		for _, r := range right {
			found |= subtle.ConstantTimeCompare(g, r)
		}
	}
	return found == 1
}

// wrongUnless returns ErrWrong unless the proof matched.
func wrongUnless(fits bool) error {
	if !fits {
		return ErrWrong
	}
	return nil
}

// checkTimestamp compares a signed Unix time with now.
func checkTimestamp(ts string, now time.Time, tolerance time.Duration) error {
	signed, err := strconv.ParseInt(ts, 10, 64)
	if err != nil || len(ts) > 12 {
		return ErrUnsigned
	}
	if off := now.Sub(time.Unix(signed, 0)).Abs(); off > tolerance {
		return fmt.Errorf("its time is %v off, %v are allowed: %w", off.Round(time.Second), tolerance, ErrWrong)
	}
	return nil
}

// decode decodes a proof; nil when it is invalid or empty.
func decode(encoding, text string) []byte {
	var out []byte
	var err error
	if encoding == "base64" {
		out, err = base64.StdEncoding.DecodeString(text)
	} else {
		out, err = hex.DecodeString(strings.ToLower(text))
	}
	if err != nil || len(out) == 0 {
		return nil
	}
	return out
}

// perSecret returns one proof per secret.
func perSecret(secrets []string, proof func(secret []byte) []byte) [][]byte {
	out := make([][]byte, len(secrets))
	for i, s := range secrets {
		out[i] = proof([]byte(s))
	}
	return out
}
