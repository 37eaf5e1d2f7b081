package store

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	// DefaultWindow is the default maximum deviation of a request's timestamp.
	DefaultWindow = 300 * time.Second
	maxWindow     = 24 * time.Hour

	// OnReplayRefuse answers a repeated request with an error.
	OnReplayRefuse = "refuse"
	// OnReplayAttach answers it with the result of the first one.
	OnReplayAttach = "attach"
)

// Key is an API key. A *Key returned by the store is shared and must not be modified.
type Key struct {
	Key           string        // public id in requests; empty: Put creates one
	Name          string        // for display
	Secret        string        // signs requests; empty: Put creates one
	Previous      string        // secret before the last rotation; empty: none
	PreviousUntil time.Time     // end of the previous secret's validity
	APIAccess     bool          // false: the key is disabled
	Flows         []int64       // flows that it may run; nil: all, empty: none
	Scopes        []string      // of the installation's own making that it holds, besides those of every key
	Window        time.Duration // maximum deviation of a timestamp; zero: 300 s, at most 24 h
	OnReplay      string        // "refuse" (also when empty) or "attach"
	RefuseV1      bool          // reject a Penstock-Signature of version 1, which covers the body only

	// Impersonate lists the users that a JWT of the key may act as; nil: none.
	Impersonate []string
	// PublicKey verifies the JWTs of the key: PEM of an RSA, P-256 or Ed25519 key. Empty: JWTs are signed with the
	// secret (HS256).
	PublicKey string
	// RefreshTokens says that the JWT grant issues refresh tokens to the key.
	RefreshTokens bool
	// Rate is the key's own request rate: "10/s", "600/m", "off". Empty: as configured.
	Rate string

	Epoch string // see Life; set by Put and Change
}

// Secrets returns the valid secrets at a time; previous is empty outside of a rotation.
func (k *Key) Secrets(now time.Time) (current, previous string) {
	if now.Before(k.PreviousUntil) {
		previous = k.Previous
	}
	return k.Secret, previous
}

// Allows reports whether the key may run a flow.
func (k *Key) Allows(flow int64) bool { return k.Flows == nil || slices.Contains(k.Flows, flow) }

// keepsTokens: loss of access, flows or scopes, another secret or public key, and a shorter list of users to act as revoke
// tokens.
func (k *Key) keepsTokens(old *Key) bool {
	return k.APIAccess && k.Secret == old.Secret && k.PublicKey == old.PublicKey &&
		(k.Flows == nil || old.Flows != nil && containsAll(k.Flows, old.Flows)) && containsAll(k.Scopes, old.Scopes) && containsAll(k.Impersonate, old.Impersonate)
}

// containsAll reports whether more contains all of less.
func containsAll[E comparable](more, less []E) bool {
	return !slices.ContainsFunc(less, func(e E) bool { return !slices.Contains(more, e) })
}

// String keeps secrets out of printed values.
func (k Key) String() string { return "key " + k.Key }

// GoString keeps secrets out of %#v.
func (k Key) GoString() string { return k.String() }

// LogValue keeps secrets out of logs.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.Key) }

// validate checks a key and sets defaults.
func (k *Key) validate() error {
	k.Key = cmp.Or(k.Key, strings.ToLower(rand.Text()[:16]))
	k.Secret = cmp.Or(k.Secret, newSecret())
	k.Window = cmp.Or(k.Window, DefaultWindow)
	k.OnReplay = cmp.Or(k.OnReplay, OnReplayRefuse)
	switch {
	case !regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`).MatchString(k.Key):
		return &InvalidError{"key", "is 1 to 64 letters, digits, '_', '.' or '-'"}
	case len(k.Scopes) > maxScopes:
		return &InvalidError{"scopes", fmt.Sprintf("are more than %d", maxScopes)}
	case k.Window < time.Second || k.Window > maxWindow:
		return &InvalidError{"ts_window", fmt.Sprintf("of %v is not between 1s and %v", k.Window, maxWindow)}
	case k.OnReplay != OnReplayRefuse && k.OnReplay != OnReplayAttach:
		return &InvalidError{"on_replay", fmt.Sprintf("is %q, not %q or %q", k.OnReplay, OnReplayRefuse, OnReplayAttach)}
	}
	return nil
}

// newSecret returns a secret with 130 bits of entropy.
func newSecret() string { return strings.ToLower(rand.Text()) }
