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

// maxProofs bounds the signatures of one delivery: senders add one for each
// secret during a rotation.
const maxProofs = 16

// sum is the HMAC of parts.
func sum(algorithm func() hash.Hash, secret []byte, parts ...string) []byte {
	mac := hmac.New(algorithm, secret)
	for _, p := range parts {
		mac.Write([]byte(p))
	}
	return mac.Sum(nil)
}

// match reports whether one of the given proofs is one of the right ones. It
// compares all of them.
func match(given [][]byte, right [][]byte) bool {
	found := 0
	for _, g := range given[:min(len(given), maxProofs)] {
		for _, r := range right {
			found |= subtle.ConstantTimeCompare(g, r)
		}
	}
	return found == 1
}

// decided turns a comparison into an answer.
func wrongUnless(fits bool) error {
	if !fits {
		return ErrWrong
	}
	return nil
}

// fresh compares a signed Unix time with now.
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

// decode reads a proof; nil when it cannot be one.
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

// perSecret makes one proof for each secret.
func perSecret(secrets []string, proof func(secret []byte) []byte) [][]byte {
	out := make([][]byte, len(secrets))
	for i, s := range secrets {
		out[i] = proof([]byte(s))
	}
	return out
}
