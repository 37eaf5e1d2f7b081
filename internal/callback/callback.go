// Package callback signs the URLs that resume a waiting step.
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

// Path is the prefix of the path of every callback URL; the token follows.
const Path = "/v1/callbacks/"

// Errors of Open.
var (
	ErrForged  = errors.New("callback: the token is none of ours")
	ErrExpired = errors.New("callback: the token has expired")
)

// Call is the content of a token.
type Call struct {
	Run     string
	Key     string // journal key of the step and item
	Expires time.Time
	MaxBody int64 // maximum size in bytes of a body with files; 0: files are part of the item
}

// Signer creates and verifies tokens. Safe for concurrent use.
type Signer struct {
	base string
	keys [][]byte   // tokens of all of them are valid
	sign func() int // index of the key that signs
}

// New returns a Signer. base is the public URL of the front door; when it is empty, URL fails. The keys are derived
// from the master keys; the first one signs, unless SignWith says otherwise.
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

// SignWith sets the function that returns the index of the signing master key: one that all processes have. It must
// be called before the Signer is used.
func (s *Signer) SignWith(place func() int) { s.sign = place }

// URL returns the URL to call.
func (s *Signer) URL(c Call) (string, error) {
	if s.base == "" {
		return "", errors.New("the address of the front door is not known here: set --issuer")
	}
	return s.base + Path + s.Token(c), nil
}

// Token returns the signed call.
func (s *Signer) Token(c Call) string {
	text := c.Run + "\n" + strconv.FormatInt(c.Expires.Unix(), 36)
	if c.MaxBody > 0 {
		text += " " + strconv.FormatInt(c.MaxBody, 36)
	}
	text += "\n" + c.Key
	return encode([]byte(text)) + "." + encode(mac(s.keys[s.sign()], text)[:tagSize])
}

// Open verifies a token. Errors: ErrForged, ErrExpired.
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
	until, limit, limited := strings.Cut(parts[1], " ")
	seconds, err := strconv.ParseInt(until, 36, 64)
	c := Call{Run: parts[0], Key: parts[2], Expires: time.Unix(seconds, 0)}
	if err == nil && limited {
		c.MaxBody, err = strconv.ParseInt(limit, 36, 64)
	}
	if err != nil {
		return Call{}, fmt.Errorf("%w: %w", ErrForged, err)
	}
	if !now.Before(c.Expires) {
		return c, ErrExpired
	}
	return c, nil
}

// signed compares the signature with that of every key in constant time.
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
