// Package callback signs the URLs by which somebody lets a waiting step go on.
package callback

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Path begins the path of every callback URL; the token follows.
const Path = "/v1/callbacks/"

// What Open answers.
var (
	ErrForged  = errors.New("callback: the token is none of ours")
	ErrExpired = errors.New("callback: the token has expired")
)

// Call is what a token stands for.
type Call struct {
	Run     string
	Key     string // of the step and item, as a journal names them
	Expires time.Time
}

// Signer makes and reads tokens. Safe for concurrent use.
type Signer struct {
	base string
	keys [][]byte   // all are accepted
	sign func() int // which of the keys signs
}

// New makes a Signer. base is the URL under which callers reach the front
// door; empty: URL fails. The keys are derived from the master keys; the first
// one signs, unless SignWith says otherwise.
func New(base string, masterKeys [][]byte) (*Signer, error) {
	if len(masterKeys) == 0 {
		return nil, errors.New("new callback signer: a master key is required")
	}
	s := &Signer{base: strings.TrimRight(base, "/"), sign: func() int { return 0 }}
	for _, master := range masterKeys {
		s.keys = append(s.keys, mac(master, "penstock callback"))
	}
	return s, nil
}

// SignWith makes the Signer ask which of the master keys signs, by its place:
// the one that all processes have. It is called before the Signer is used.
func (s *Signer) SignWith(place func() int) { s.sign = place }

// URL is where the call is awaited.
func (s *Signer) URL(c Call) (string, error) {
	if s.base == "" {
		return "", errors.New("the address of the front door is not known here: set --issuer")
	}
	return s.base + Path + s.Token(c), nil
}

// Token is the call, signed.
func (s *Signer) Token(c Call) string {
	text := c.Run + "\n" + strconv.FormatInt(c.Expires.Unix(), 36) + "\n" + c.Key
	return encode([]byte(text)) + "." + encode(mac(s.keys[s.sign()], text)[:tagSize])
}

// Open reads a token. Errors: ErrForged, ErrExpired.
func (s *Signer) Open(token string, now time.Time) (Call, error) {
	payload, tag, _ := strings.Cut(token, ".")
	text, err := decode(payload)
	signature, failed := decode(tag)
	if err != nil || failed != nil || !s.signed(string(text), signature) {
		return Call{}, ErrForged
	}
	parts := strings.SplitN(string(text), "\n", 3)
	if len(parts) != 3 {
		return Call{}, ErrForged
	}
	seconds, err := strconv.ParseInt(parts[1], 36, 64)
	if err != nil {
		return Call{}, fmt.Errorf("%w: %w", ErrForged, err)
	}
	c := Call{Run: parts[0], Key: parts[2], Expires: time.Unix(seconds, 0)}
	if !now.Before(c.Expires) {
		return c, ErrExpired
	}
	return c, nil
}

// signed compares with every key in constant time.
func (s *Signer) signed(text string, signature []byte) bool {
	ok := false
	for _, key := range s.keys {
		if hmac.Equal(mac(key, text)[:tagSize], signature) {
			ok = true
		}
	}
	return ok
}

const tagSize = 16 // bytes of a signature: 128 bits

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(s string) ([]byte, error) { return base64.RawURLEncoding.Strict().DecodeString(s) }
