package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// secretPrefix begins a secret; the base64 of the key follows.
const secretPrefix = "whsec_"

// Sizes of a key in bytes, as Standard Webhooks recommends.
const (
	minKey = 24
	maxKey = 64
)

// ParseSecret decodes a secret to the key that signs. Its error does not contain the secret.
func ParseSecret(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < minKey || len(key) > maxKey {
		return nil, errors.New("is not whsec_ and the base64 of 24 to 64 bytes")
	}
	return key, nil
}

// ReceiverKey derives the key of one receiver from a secret: the HMAC-SHA256 of the receiver's name, whose key is the
// secret as text. The step encode computes the same.
func ReceiverKey(secret, receiver string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(receiver))
	return mac.Sum(nil)
}

// sign returns the value of the header webhook-signature: one signature for each key.
func sign(keys [][]byte, id string, at time.Time, body []byte) string {
	signatures := make([]string, len(keys))
	for i, key := range keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signatures, " ")
}
