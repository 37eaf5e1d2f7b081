package personal

import (
	"crypto/sha256"
	"encoding/base64"
)

// keyToken is a string: the token with this text -> its record (JSON). Of the text it has the SHA-256 only. TTL: remembered after
// the token's end.
func keyToken(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "penstock:{personal}:token:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// keyOf is a hash: the tokens of a user, id -> record with the key of the token (JSON), at most MaxTokens and what has ended since
// the last one was made. TTL: listTTL.
func keyOf(user string) string { return "penstock:{personal}:of:" + user }

// keyUsed is a hash: the id of a token of a user -> its last use in seconds since 1970. TTL: listTTL.
func keyUsed(user string) string { return "penstock:{personal}:used:" + user }
