package session

import (
	"crypto/sha256"
	"encoding/base64"
)

// Key is a hash: user, epoch, csrf, began and seen (Unix seconds), the fields of Origin (id_token and sid only of those who signed in at a provider), and last_at, last_ip and last_device of the
// sign-in before. TTL: IdleLimit, and at most the rest of LifeLimit. The key contains only the SHA-256 of the cookie.
func Key(token string) string { return keyByID(digest(token)) }

func keyByID(id string) string { return "penstock:console:session:" + id }

// keyForm is a string: the page that followed a form, by its token; empty while the form is handled. TTL: formTTL.
func keyForm(user, token string) string { return "penstock:console:form:" + digest(user+"\x00"+token) }

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// keyUser is a list: the ids of the sessions of a user in the order of their starts. TTL: LifeLimit after the last start.
func keyUser(user string) string { return "penstock:console:sessions:" + digest(user) }

// keySignIn is a hash: at (Unix seconds), ip and device of a user's last sign-in. TTL: signInTTL.
func keySignIn(user string) string { return "penstock:console:signin:" + digest(user) }

// keyPending is a hash: user, epoch, site, to, secret (sealed) and tries of a browser whose user has proved the password and not yet a code, or
// sets up an authenticator. TTL: CodeLimit or SetUpLimit.
func keyPending(token string) string {
	return "penstock:console:pending:" + digest("pending\x00"+token)
}

// keySID is a string: the user of the last session that began with a session at the provider. TTL: LifeLimit.
func keySID(sid string) string { return "penstock:console:sid:" + digest(sid) }
