package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// MasterKeySize is the length of a master key in bytes: AES-256.
const MasterKeySize = 32

// sealedPrefix names the format: "v1.<key id>.<base64url of nonce and box>".
const sealedPrefix = "v1."

// Sealer encrypts secrets that must be read again, with AES-256-GCM. What it
// seals is bound to the record it belongs to: moved to another record it does
// not open. Safe for concurrent use.
type Sealer struct {
	current string // id of the key that seals
	boxes   map[string]cipher.AEAD
}

// NewSealer seals under the first master key and opens what any of them
// sealed. To rotate, put the new key first, keep the old one, call
// Keys.Reseal, then drop the old one.
func NewSealer(masterKeys ...[]byte) (*Sealer, error) {
	if len(masterKeys) == 0 {
		return nil, errors.New("make sealer: no master key")
	}
	s := &Sealer{boxes: map[string]cipher.AEAD{}}
	for i, key := range masterKeys {
		if len(key) != MasterKeySize {
			return nil, fmt.Errorf("make sealer: master key %d has %d bytes, not %d", i+1, len(key), MasterKeySize)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("make sealer: %w", err)
		}
		box, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("make sealer: %w", err)
		}
		id := keyID(key)
		if s.current == "" {
			s.current = id
		}
		s.boxes[id] = box
	}
	return s, nil
}

// NewMasterKey returns a random master key.
func NewMasterKey() []byte {
	key := make([]byte, MasterKeySize)
	_, _ = rand.Read(key) // never fails
	return key
}

// ParseMasterKeys reads the setting: base64 of 32 bytes each, the current key
// first, older ones after commas. The error never holds a part of a key.
func ParseMasterKeys(setting string) ([][]byte, error) {
	var keys [][]byte
	for i, text := range strings.Split(setting, ",") {
		key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err != nil || len(key) != MasterKeySize {
			return nil, fmt.Errorf("master key %d is not base64 of %d bytes: make one with `openssl rand -base64 %d`", i+1, MasterKeySize, MasterKeySize)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// Seal encrypts the secret of a record.
func (s *Sealer) Seal(record, secret string) string {
	box := s.boxes[s.current].Seal(nil, nil, []byte(secret), boundTo(s.current, record))
	return sealedPrefix + s.current + "." + base64.RawURLEncoding.EncodeToString(box)
}

// Open decrypts what Seal made for the same record.
func (s *Sealer) Open(record, sealed string) (string, error) {
	id, text, ok := strings.Cut(strings.TrimPrefix(sealed, sealedPrefix), ".")
	if !ok || !strings.HasPrefix(sealed, sealedPrefix) {
		return "", errors.New("open secret: not a sealed secret")
	}
	box, ok := s.boxes[id]
	if !ok {
		return "", fmt.Errorf("open secret: it was sealed under master key %s, which is not configured", id)
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "", errors.New("open secret: not a sealed secret")
	}
	secret, err := box.Open(nil, nil, data, boundTo(id, record))
	if err != nil {
		return "", errors.New("open secret: it was changed, or belongs to another record")
	}
	return string(secret), nil
}

// Stale reports whether the secret was sealed under an older master key.
func (s *Sealer) Stale(sealed string) bool {
	return !strings.HasPrefix(sealed, sealedPrefix+s.current+".")
}

// keyID names a master key without telling anything about it.
func keyID(key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("penstock master key id"))
	return hex.EncodeToString(mac.Sum(nil)[:4])
}

func boundTo(keyID, record string) []byte { return []byte(keyID + "\x00" + record) }
