// Package hooks verifies that webhooks came from their senders; one file for
// each scheme.
package hooks

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/penstock/penstock/flows"
)

// Delivery is one request of a sender, as it came.
type Delivery struct {
	Header http.Header
	Query  url.Values
	Body   []byte   // raw: what was signed
	URLs   []string // what the sender may have called, for schemes that sign it
	Now    time.Time
}

// Verifier proves by one scheme who sent a delivery. Safe for concurrent use.
type Verifier interface {
	// Verify returns why no secret proves the delivery, for the log: the
	// sender is told nothing. It takes the same time whichever does.
	Verify(d *Delivery, secrets []string) error
	// ID names a delivery that was verified, the same when it is sent again;
	// empty: nothing names it.
	ID(d *Delivery) string
}

// Challenger is a Verifier of a scheme in which the sender first asks whether
// anybody is there.
type Challenger interface {
	// Challenge returns what a verified delivery wants to hear; false: it is a
	// delivery like others.
	Challenge(d *Delivery) (string, bool)
}

// Why a delivery is refused.
var (
	ErrUnsigned = errors.New("the proof is missing or cannot be read")
	ErrWrong    = errors.New("no secret proves it")
	ErrSecret   = errors.New("a secret is not of the scheme's form")
)

// schemes are all that there are. Read only.
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
}

// Signs reports whether a sender by this scheme signs, and does not send the
// secret itself.
func Signs(scheme string) bool { return scheme != "basic" && scheme != "token" }

// New returns the verifier that a flow asks for.
func New(v *flows.Verify) (Verifier, error) {
	build, known := schemes[v.Scheme]
	if !known {
		return nil, fmt.Errorf("new verifier: there is no scheme %q", v.Scheme)
	}
	return build(v), nil
}
