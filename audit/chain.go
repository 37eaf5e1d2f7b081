package audit

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Key signs entries. It is derived from a master key.
type Key struct {
	ID     string // of the master key
	secret []byte
}

// DeriveKey derives the key that signs entries from a master key (HKDF, RFC 5869).
func DeriveKey(id string, master []byte) (Key, error) {
	secret, err := hkdf.Key(sha256.New, master, nil, "penstock audit log", sha256.Size)
	if err != nil {
		return Key{}, fmt.Errorf("derive audit key: %w", err)
	}
	return Key{id, secret}, nil
}

// Keys are the keys of an installation, the one that signs first. They do not change.
type Keys []Key

// find returns the key with an id; false: it is not known.
func (k Keys) find(id string) (Key, bool) {
	for _, key := range k {
		if key.ID == id {
			return key, true
		}
	}
	return Key{}, false
}

// sign returns the HMAC-SHA256 of a text about what.
func (k Key) sign(what, text string) string {
	mac := hmac.New(sha256.New, k.secret)
	mac.Write([]byte(what + "\x00" + text))
	return hex.EncodeToString(mac.Sum(nil))
}

// The purposes of signatures: one for an entry is none for a cut.
const (
	signsEntry = "entry"
	signsCut   = "cut"
)

// verdict is what a signature says.
type verdict int

const (
	unsigned verdict = iota // there is none, or none of its key is known
	genuine
	forged
)

func (k Keys) check(id, mac, what, text string) verdict {
	key, known := k.find(id)
	switch {
	case !known:
		return unsigned
	case hmac.Equal([]byte(key.sign(what, text)), []byte(mac)):
		return genuine
	}
	return forged
}

// derived are the members of an entry that its hash does not cover: they follow from it, or from the others.
var derived = []string{"id", "hash", "key", "mac"} // read only

// hashOf returns the hash of an entry: SHA-256 of its canonical form without the derived members.
func hashOf(text []byte) (string, error) {
	covered, err := Canonical(text, derived...)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(covered)
	return hex.EncodeToString(sum[:]), nil
}

// seal makes an entry the next one of a chain and returns its text.
func (e *Entry) seal(key Key) ([]byte, error) {
	e.ID = e.place().String()
	text, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode entry: %w", err)
	}
	if e.Hash, err = hashOf(text); err != nil {
		return nil, err
	}
	e.Key, e.MAC = key.ID, key.sign(signsEntry, e.Hash)
	if text, err = json.Marshal(e); err != nil {
		return nil, fmt.Errorf("encode entry: %w", err)
	}
	return Canonical(text)
}
