// Package hooks receives webhooks and verifies their senders, with one file for each signature scheme.
package hooks

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/penstock/penstock/flows"
)

// Delivery is one request of a sender, as received.
type Delivery struct {
	Header http.Header
	Query  url.Values
	Body   []byte   // raw, as signed
	URLs   []string // possible spellings of the called URL, for schemes that sign it
	Now    time.Time
}

// Verifier verifies deliveries of one scheme. Safe for concurrent use.
type Verifier interface {
	// Verify returns nil when one of the secrets proves the delivery. The error is for the log only; the sender
	// does not get it. The duration does not depend on which secret matches.
	Verify(d *Delivery, secrets []string) error
	// ID returns the id of a verified delivery, which is the same when the sender repeats it; empty: it has none.
	ID(d *Delivery) string
}

// Challenger is a Verifier of a scheme in which the sender first verifies the URL.
type Challenger interface {
	// Challenge returns the text that the sender expects; false: it is a usual delivery.
	Challenge(d *Delivery) (string, bool)
}

// Reasons why a delivery is rejected.
var (
	ErrUnsigned = errors.New("the proof is missing or cannot be read")
	ErrWrong    = errors.New("no secret proves it")
	ErrSecret   = errors.New("a secret is not of the scheme's form")
)

// schemes lists all schemes. Read only.
var schemes = map[string]func(*flows.Verify) Verifier{
	"standard-webhooks": func(v *flows.Verify) Verifier { return standard{v.Tolerance} },
	"github":            func(*flows.Verify) Verifier { return github{} },
	"stripe":            func(v *flows.Verify) Verifier { return stripe{v.Tolerance} },
	"slack":             func(v *flows.Verify) Verifier { return slack{v.Tolerance} },
	"shopify":           func(*flows.Verify) Verifier { return shopify{} },
	"twilio":            func(*flows.Verify) Verifier { return twilio{} },
	"hmac":              func(v *flows.Verify) Verifier { return generic{v} },
	"basic":             func(v *flows.Verify) Verifier { return basic{v} },
	"token":             func(v *flows.Verify) Verifier { return token{v} },
	"none":              func(v *flows.Verify) Verifier { return unsigned{v} },
}

// Signs reports whether the senders of a scheme sign; false: they send the secret itself, or prove nothing.
func Signs(scheme string) bool { return scheme != "basic" && scheme != "token" && scheme != "none" }

// New returns the verifier that a flow configures.
func New(v *flows.Verify) (Verifier, error) {
	build, known := schemes[v.Scheme]
	if !known {
		return nil, fmt.Errorf("new verifier: there is no scheme %q", v.Scheme)
	}
	return build(v), nil
}
