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
	"slices"
	"strings"

	"github.com/penstock/penstock/audit"
)

// MasterKeySize is the length of a master key in bytes: AES-256.
const MasterKeySize = 32

// sealedPrefix identifies the format: "v1.<key id>.<base64url of nonce and ciphertext>".
const sealedPrefix = "v1."

// Sealer encrypts secrets that must be decrypted later, with AES-256-GCM. A sealed secret is bound to its record and
// cannot be opened for another one. Safe for concurrent use.
type Sealer struct {
	ids   []string // of the master keys, in the order of the setting
	boxes map[string]cipher.AEAD
	audit audit.Keys // that sign the audit log, in the same order
}

// NewSealer returns a Sealer that opens secrets of any of the master keys. The fleet decides which one seals: the
// first one, when it is the first of all processes.
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
		s.ids = append(s.ids, id)
		s.boxes[id] = box
		signs, err := audit.DeriveKey(id, key)
		if err != nil {
			return nil, fmt.Errorf("make sealer: %w", err)
		}
		s.audit = append(s.audit, signs)
	}
	return s, nil
}

// NewMasterKey returns a random master key.
func NewMasterKey() []byte {
	key := make([]byte, MasterKeySize)
	_, _ = rand.Read(key) // never fails
	return key
}

// ParseMasterKeys parses the setting: base64 of 32 bytes each, the current key first, older ones after commas. The
// error never contains a part of a key.
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

// IDs returns the ids of the master keys, in the order of the setting. An id reveals nothing about its key.
func (s *Sealer) IDs() []string { return slices.Clone(s.ids) }

// AuditKeys returns the keys that sign the audit log, in the order of the setting.
func (s *Sealer) AuditKeys() audit.Keys { return slices.Clone(s.audit) }

// Has reports whether one of the master keys has the id.
func (s *Sealer) Has(id string) bool { return s.boxes[id] != nil }

// Seal encrypts the secret of a record with the first master key.
func (s *Sealer) Seal(record, secret string) string { return s.sealUnder(s.ids[0], record, secret) }

// sealUnder encrypts the secret of a record with the given master key.
func (s *Sealer) sealUnder(id, record, secret string) string {
	box := s.boxes[id].Seal(nil, nil, []byte(secret), boundTo(id, record))
	return sealedPrefix + id + "." + base64.RawURLEncoding.EncodeToString(box)
}

// DamagedError reports a secret that no process can open.
type DamagedError struct{ Reason string }

func (e *DamagedError) Error() string { return "open secret: " + e.Reason }

// MissingKeyError reports a secret that was sealed with a master key that this process does not have.
type MissingKeyError struct{ ID string }

func (e *MissingKeyError) Error() string {
	return fmt.Sprintf("open secret: it was sealed under master key %s, which is not configured", e.ID)
}

// Open decrypts a secret sealed for the same record. Errors: *DamagedError, *MissingKeyError.
func (s *Sealer) Open(record, sealed string) (string, error) {
	id, text, ok := strings.Cut(strings.TrimPrefix(sealed, sealedPrefix), ".")
	if !ok || !strings.HasPrefix(sealed, sealedPrefix) {
		return "", &DamagedError{"it is not a sealed secret"}
	}
	box, ok := s.boxes[id]
	if !ok {
		return "", &MissingKeyError{id}
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "", &DamagedError{"it is not a sealed secret"}
	}
	secret, err := box.Open(nil, nil, data, boundTo(id, record))
	if err != nil {
		return "", &DamagedError{"it was changed, or belongs to another record"}
	}
	return string(secret), nil
}

// sealedUnder returns the id of the master key of a sealed secret.
func sealedUnder(sealed string) string {
	id, _, _ := strings.Cut(strings.TrimPrefix(sealed, sealedPrefix), ".")
	return id
}

// keyID returns the id of a master key, which reveals nothing about it.
func keyID(key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("penstock master key id"))
	return hex.EncodeToString(mac.Sum(nil)[:4])
}

func boundTo(keyID, record string) []byte { return []byte(keyID + "\x00" + record) }
