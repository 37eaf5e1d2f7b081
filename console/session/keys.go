package session

import (
	"crypto/sha256"
	"encoding/base64"
)

// Key is a hash: user, epoch, csrf, began and seen (Unix seconds). TTL: IdleLimit, and at most the rest of
// LifeLimit. The key contains only the SHA-256 of the cookie.
func Key(token string) string { return "penstock:console:session:" + digest(token) }

// keyForm is a string: the page that followed a form, by its token; empty while the form is handled. TTL: formTTL.
func keyForm(user, token string) string { return "penstock:console:form:" + digest(user+"\x00"+token) }

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
