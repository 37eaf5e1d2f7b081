package secretstore

import (
	"errors"
	"time"
)

// Kind is the kind of a failure.
type Kind string

// The kinds of failures.
const (
	NotAllowed  Kind = "not_allowed" // by the operator's rules; also: there is no such store here
	Invalid     Kind = "invalid"     // what the store has cannot be used: too large, no text, no such member
	Missing     Kind = "missing"     // the store has no such secret
	Denied      Kind = "denied"      // the store does not let this process read it
	Unavailable Kind = "unavailable" // the store does not answer, or answers that it cannot
	Sealed      Kind = "sealed"      // the store is sealed or not initialized
	Limited     Kind = "limited"     // the store refuses so many requests
)

// Error is the failure of reading a reference. It has no part of a secret, and no text of the store.
type Error struct {
	Reference  string // empty in the errors of a store; see Stores
	Kind       Kind
	Reason     string        // "the store denies access (403)"
	RetryAfter time.Duration // as the store says; zero: it does not
}

func (e *Error) Error() string {
	if e.Reference == "" {
		return e.Reason
	}
	return e.Reference + " cannot be read: " + e.Reason
}

// Temporary reports whether another try may succeed without a change by people.
func (e *Error) Temporary() bool {
	return e.Kind == Unavailable || e.Kind == Sealed || e.Kind == Limited
}

// Temporary reports whether an error is an *Error that is Temporary.
func Temporary(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Temporary()
}

// Failure returns the failure of a store, which does not know the reference.
func Failure(kind Kind, reason string) *Error { return &Error{Kind: kind, Reason: reason} }

// about returns the error with its reference. An error of another type says nothing but that the store failed.
func about(err error, reference string) *Error {
	var e *Error
	if !errors.As(err, &e) {
		return &Error{Reference: reference, Kind: Unavailable, Reason: "the store failed"}
	}
	told := *e
	told.Reference = reference
	return &told
}
