package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/penstock/penstock/store"
)

// Authenticator authenticates requests by one scheme. Implementations must be safe for concurrent use.
type Authenticator interface {
	// Authenticate returns nil, nil when the request does not use the scheme, and an *Error when its credentials
	// are not valid.
	Authenticate(ctx context.Context, r *Request) (*Principal, error)
}

// Request is the part of an HTTP request that schemes read.
type Request struct {
	Method string
	Target string // path and query string, as sent
	Header http.Header
	Now    time.Time
	IP     string                 // address of the caller, for the brute-force guard
	Body   func() ([]byte, error) // returns the raw body; may be called more than once
}

// Keys finds API keys. The error for an unknown key wraps store.ErrNotFound.
type Keys interface {
	Key(ctx context.Context, key string) (*store.Key, error)
}

// Code is the reason why a request is rejected or a token is not issued.
type Code string

// The codes of API calls.
const (
	CodeUnauthorized Code = "unauthorized"      // missing or wrong credentials
	CodeForbidden    Code = "forbidden"         // valid credentials without the permission
	CodeSlowDown     Code = "too_many_requests" // too many wrong credentials
	CodeReplayed     Code = "replayed"          // valid credentials that were used before
)

// The codes of RFC 6749, 6750 and 8693, as OAuth endpoints write them.
const (
	CodeInvalidRequest   Code = "invalid_request"
	CodeInvalidClient    Code = "invalid_client"
	CodeInvalidGrant     Code = "invalid_grant"
	CodeInvalidScope     Code = "invalid_scope"
	CodeInvalidTarget    Code = "invalid_target"
	CodeInvalidToken     Code = "invalid_token"
	CodeMissingScope     Code = "insufficient_scope"
	CodeUnsupportedGrant Code = "unsupported_grant_type"
	CodeUnauthorizedUse  Code = "unauthorized_client"
)

// Error is the reason why a request is rejected. Its message is sent to the caller.
type Error struct {
	Code    Code
	Message string

	// Bearer is the error code of the bearer challenge (RFC 6750); empty: the challenge names none.
	Bearer Code
	// Scope is the missing scope; empty: the response does not name one.
	Scope Scope
	// Retry is the time to wait before the next attempt; zero: the response does not say.
	Retry time.Duration
}

func (e *Error) Error() string { return e.Message }

// ErrUnavailable is wrapped by the errors of schemes that cannot look up credentials at present.
var ErrUnavailable = errors.New("credentials cannot be looked up")

// FindKey looks up an API key and its currently valid secrets. For an unknown key it returns nil and no secrets.
// Other errors wrap ErrUnavailable.
func FindKey(ctx context.Context, keys Keys, name string, now time.Time) (*store.Key, Secrets, error) {
	k, err := keys.Key(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, Secrets{}, nil
	}
	if err != nil {
		return nil, Secrets{}, fmt.Errorf("find key: %w: %w", ErrUnavailable, err)
	}
	current, previous := k.Secrets(now)
	return k, Secrets{current, previous}, nil
}

// UsageCounter counts which secret signs the calls of a key that has two. Count must not block.
type UsageCounter interface {
	Count(key *store.Key, previous bool)
}

// RecordUse counts which of two secrets a valid proof was made with. fits verifies the proof with the given
// secrets. Nothing is counted without a counter or with one secret only.
func RecordUse(counter UsageCounter, key *store.Key, secrets Secrets, fits func(Secrets) bool) {
	if counter != nil && secrets.Previous != "" {
		counter.Count(key, !fits(Secrets{Current: secrets.Current}))
	}
}

// keyScopes are the scopes of every API key. Read only.
var keyScopes = []Scope{ScopeRun, ScopeReadRuns}

// scopesOfKey are what an API key may do: what every key may, and scopes of the installation's own making.
func scopesOfKey(k *store.Key) []Scope {
	if len(k.Scopes) == 0 {
		return keyScopes
	}
	return append(slices.Clone(keyScopes), scopesFrom(k.Scopes)...)
}

// KeyPrincipal is the principal that an API key stands for, with what folders grant to it; a nil view grants nothing.
func KeyPrincipal(k *store.Key, v *store.FolderView) *Principal {
	p := &Principal{
		Kind:   KindKey,
		ID:     k.Key,
		Name:   nameOf(k),
		Scopes: scopesOfKey(k),
		Flows:  k.Flows,
		Rate:   k.Rate,
	}
	return p.With(v, nil)
}

// nameOf returns the name of a key for logs. The id of a key is half of its credentials, so a key without a name is
// logged as a short hash of its id.
func nameOf(k *store.Key) string {
	if k.Name != "" {
		return k.Name
	}
	sum := sha256.Sum256([]byte(k.Key))
	return "#" + hex.EncodeToString(sum[:4])
}

// asError returns the *Error in the chain of err, or nil.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}
