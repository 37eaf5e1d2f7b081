// Package password hashes and verifies passwords of people and secrets of programs, with limited concurrency.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
)

// The cost of one hash, as OWASP recommends for argon2id: 19 MiB, two passes, one lane; about 25 ms.
const (
	memory   = 19 << 10 // KiB
	passes   = 2
	lanes    = 1
	saltSize = 16
	hashSize = 32
)

// maxLength is the maximum length of a password in bytes.
const maxLength = 1024

// prefix is the prefix of every hash, in the PHC string format: $argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>.
var prefix = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, memory, passes, lanes) // read only

// maxWaiting is the maximum number of waiting calls: about ten seconds of work with two at once.
const maxWaiting = 512

// ErrBusy reports that too many calls are waiting.
var ErrBusy = errors.New("too many passwords are waiting to be hashed")

// Hasher hashes passwords with limited concurrency, because each hash takes 19 MiB and a core. Safe for concurrent
// use.
type Hasher struct {
	slots   chan struct{} // one value for each hash in progress
	waiting atomic.Int64
	dummy   string // compared with when there is no such user
}

// NewHasher returns a Hasher with up to atOnce concurrent hashes; further calls wait.
func NewHasher(atOnce int) (*Hasher, error) {
	if atOnce < 1 {
		return nil, errors.New("new hasher: atOnce must be at least 1")
	}
	h := &Hasher{slots: make(chan struct{}, atOnce)}
	var err error
	if h.dummy, err = h.Hash(context.Background(), rand.Text()); err != nil {
		return nil, fmt.Errorf("new hasher: %w", err)
	}
	return h, nil
}

// Hash returns the hash of a password with a new salt. It fails when the password is empty or longer than 1024 bytes,
// or when ctx ends while waiting.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if password == "" || len(password) > maxLength {
		return "", fmt.Errorf("hash password: it must have 1 to %d bytes", maxLength)
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	sum, err := h.derive(ctx, password, salt, nil)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return prefix + encode(salt) + "$" + encode(sum), nil
}

// Matches reports whether hash is that of the password. An empty hash, for a user that does not exist, takes the same
// time and never matches. After waiting it calls first (optional), so that earlier attempts are taken into account.
// The error is that of ctx or first, or ErrBusy.
func (h *Hasher) Matches(ctx context.Context, hash, password string, first func() error) (bool, error) {
	known := hash != ""
	if !known {
		hash = h.dummy
	}
	salt, want, ok := parse(hash)
	if !ok {
		return false, errors.New("compare password: the stored hash cannot be read")
	}
	if len(password) > maxLength {
		password = password[:maxLength] // no such password can be set: same cost, no match
		known = false
	}
	sum, err := h.derive(ctx, password, salt, first)
	if err != nil {
		return false, fmt.Errorf("compare password: %w", err)
	}
	return subtle.ConstantTimeCompare(sum, want) == 1 && known, nil
}

func (h *Hasher) derive(ctx context.Context, password string, salt []byte, first func() error) ([]byte, error) {
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > maxWaiting {
		return nil, ErrBusy
	}
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-h.slots }()
	if first != nil {
		if err := first(); err != nil {
			return nil, err
		}
	}
	return argon2.IDKey([]byte(password), salt, passes, memory, lanes, hashSize), nil
}

func parse(hash string) (salt, sum []byte, ok bool) {
	rest, ours := strings.CutPrefix(hash, prefix)
	saltText, sumText, both := strings.Cut(rest, "$")
	if !ours || !both {
		return nil, nil, false
	}
	salt, err := base64.RawStdEncoding.DecodeString(saltText)
	if err != nil {
		return nil, nil, false
	}
	sum, err = base64.RawStdEncoding.DecodeString(sumText)
	return salt, sum, err == nil && len(sum) == hashSize
}

func encode(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }
