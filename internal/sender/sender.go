// Package sender describes how the senders of webhooks prove who they are, and verifies their deliveries. A description
// is data: the catalogue has one for each known product, and a flow may write its own in the same words.
package sender

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Delivery is one request of a sender, as received. It is read by one goroutine at a time.
type Delivery struct {
	Method string
	Header http.Header
	Query  url.Values
	Body   []byte   // raw, as signed
	Path   string   // path and query string, as called
	URLs   []string // possible spellings of the called URL, for senders that sign it
	Now    time.Time

	document document // the body as JSON, once a description asks for a member
}

// Keys gets the public keys that senders publish. Safe for concurrent use.
type Keys interface {
	// Document returns the text at an https URL. The error wraps ErrKeys if it cannot be had at present.
	Document(ctx context.Context, url string) ([]byte, error)
}

// Reasons why a delivery is rejected.
var (
	ErrUnsigned = errors.New("the proof is missing or cannot be read")
	ErrWrong    = errors.New("no secret proves it")
	ErrSecret   = errors.New("a secret is not of the scheme's form")
	ErrKeys     = errors.New("the sender's public key cannot be had now")
)

// proof is one way of proving a delivery. Safe for concurrent use.
type proof interface {
	// check returns nil when one of the secrets proves the delivery. The duration does not depend on which secret
	// matches. keys is nil when nothing can be fetched.
	check(ctx context.Context, d *Delivery, secrets []string, keys Keys) error
}

// unproved accepts every delivery.
type unproved struct{}

func (unproved) check(context.Context, *Delivery, []string, Keys) error { return nil }

// Scheme is a compiled description. Immutable, and safe for concurrent use.
type Scheme struct {
	spec       Spec
	proof      proof
	timestamp  *template // nil: none
	id         *template // nil: none
	repeats    bool      // a delivery without an id is known by its signature
	signature  func(d *Delivery) string
	expect     []expectation
	challenges []*Challenge
}

// Verify returns nil when one of the secrets proves the delivery. The error is for the log only; the sender does not
// get it.
func (s *Scheme) Verify(ctx context.Context, d *Delivery, secrets []string, keys Keys) error {
	if s.guessable(d) {
		return flawed("challenge", ErrUnsigned, "the body is a text that an unproved question may have had signed")
	}
	if err := s.proof.check(ctx, d, secrets, keys); err != nil {
		return err
	}
	for _, e := range s.expect {
		if err := e.check(d); err != nil {
			return err
		}
	}
	return nil
}

// ID returns the id of a verified delivery, which is the same when the sender repeats it; empty: it has none.
func (s *Scheme) ID(d *Delivery) string {
	if s.id != nil {
		if id := s.id.text(d); id != "" {
			return id
		}
	}
	if s.repeats && s.signature != nil {
		return s.signature(d)
	}
	return ""
}

// Signs reports whether the sender signs; false: it sends the secret itself, or proves nothing.
func (s *Scheme) Signs() bool {
	_, isToken := s.proof.(*token)
	_, isBasic := s.proof.(*basic)
	return !isToken && !isBasic && s.spec.Scheme != schemeNone
}

// ReadsBody reports whether the body is part of the proof, of the id of a delivery or of a question.
func (s *Scheme) ReadsBody() bool {
	inBody := strings.Contains(s.spec.Signature+s.spec.ID, "{member:")
	return s.Signs() || inBody || len(s.expect) > 0 || len(s.challenges) > 0
}

// NeedsSecret reports whether a stored secret is part of the proof; false: published keys are enough.
func (s *Scheme) NeedsSecret() bool {
	if s.spec.Scheme == schemeNone {
		return false
	}
	return s.spec.JWKS == "" && s.spec.CertificateURL == "" || s.spec.usesSecret()
}

// SignsURL reports whether the called URL is signed, so that Delivery.URLs must be set.
func (s *Scheme) SignsURL() bool { return s.spec.usesURL() }

// Spec returns the description, with the values of the catalogue filled in.
func (s *Scheme) Spec() Spec { return s.spec }

// Hides reports whether a query parameter is part of the proof, so that the event of a GET does not have it.
func (s *Scheme) Hides(param string) bool {
	return param == s.spec.Param || param == s.spec.BodyHashParam
}
