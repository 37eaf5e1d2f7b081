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
	// DefaultWindow is how far a request's timestamp may be off.
	DefaultWindow = 300 * time.Second
	maxWindow     = 24 * time.Hour

	// OnReplayRefuse answers a request that was seen before with an error.
	OnReplayRefuse = "refuse"
	// OnReplayAttach answers it with the result of the first.
	OnReplayAttach = "attach"
)

// Key is an API key: what it is called, what proves it and what it may do. A
// *Key that the store returns is shared: it must not be changed.
type Key struct {
	Key           string        // what requests name; empty: Put makes one
	Name          string        // for people
	Secret        string        // what requests are signed with; empty: Put makes one
	Previous      string        // the secret before the last rotation; empty: none
	PreviousUntil time.Time     // the previous secret counts before this moment
	APIAccess     bool          // off: the key opens nothing
	Flows         []int64       // the flows that it may run; nil: all, empty: none
	Window        time.Duration // how far a timestamp may be off; zero: 300 s, at most 24 h
	OnReplay      string        // "refuse" (also when empty) or "attach"
	RefuseV1      bool          // a Penstock-Signature of version 1, which covers the body only, opens nothing

	// Impersonate are the users that a JWT of the key may act as; nil: none.
	Impersonate []string
	// PublicKey verifies the JWTs of the key: PEM of an RSA, P-256 or Ed25519
	// key. Empty: they are signed with its secret (HS256).
	PublicKey string
	// Rate bounds the requests of the key, instead of what the settings say:
	// "10/s", "600/m", "off". Empty: as the settings say.
	Rate string

	Epoch string // see Life; Put and Change see to it
}

// Secrets returns the secrets that count at a moment; previous is empty
// outside a rotation.
func (k *Key) Secrets(now time.Time) (current, previous string) {
	if now.Before(k.PreviousUntil) {
		previous = k.Previous
	}
	return k.Secret, previous
}

// Allows reports whether the key may run a flow.
func (k *Key) Allows(flow int64) bool { return k.Flows == nil || slices.Contains(k.Flows, flow) }

// outlives: access or flows lost, another secret or public key, and a shorter
// list of users to act as end tokens.
func (k *Key) outlives(old *Key) bool {
	return k.APIAccess && k.Secret == old.Secret && k.PublicKey == old.PublicKey &&
		(k.Flows == nil || old.Flows != nil && covers(k.Flows, old.Flows)) && covers(k.Impersonate, old.Impersonate)
}

// covers reports whether all of less are in more.
func covers[E comparable](more, less []E) bool {
	return !slices.ContainsFunc(less, func(e E) bool { return !slices.Contains(more, e) })
}

// String keeps secrets out of anything printed.
func (k Key) String() string { return "key " + k.Key }

// GoString keeps secrets out of %#v.
func (k Key) GoString() string { return k.String() }

// LogValue keeps secrets out of logs.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.Key) }

// validate checks a key and fills in what may be left out.
func (k *Key) validate() error {
	k.Key = cmp.Or(k.Key, strings.ToLower(rand.Text()[:16]))
	k.Secret = cmp.Or(k.Secret, newSecret())
	k.Window = cmp.Or(k.Window, DefaultWindow)
	k.OnReplay = cmp.Or(k.OnReplay, OnReplayRefuse)
	switch {
	case !regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`).MatchString(k.Key):
		return &InvalidError{"key", "is 1 to 64 letters, digits, '_', '.' or '-'"}
	case k.Window < time.Second || k.Window > maxWindow:
		return &InvalidError{"ts_window", fmt.Sprintf("of %v is not between 1s and %v", k.Window, maxWindow)}
	case k.OnReplay != OnReplayRefuse && k.OnReplay != OnReplayAttach:
		return &InvalidError{"on_replay", fmt.Sprintf("is %q, not %q or %q", k.OnReplay, OnReplayRefuse, OnReplayAttach)}
	}
	return nil
}

// newSecret has 130 bits.
func newSecret() string { return strings.ToLower(rand.Text()) }
