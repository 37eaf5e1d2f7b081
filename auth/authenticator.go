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

// Authenticator proves by one scheme who a request is from. It is used by
// many goroutines at once.
type Authenticator interface {
	// Authenticate returns nil, nil when the request does not use the scheme,
	// and an *Error when it does but proves nothing.
	Authenticate(ctx context.Context, r *Request) (*Principal, error)
}

// Request is what schemes may look at.
type Request struct {
	Method string
	Target string // path and query string, as sent
	Header http.Header
	Now    time.Time
	IP     string                 // of the caller, for the back-off
	Body   func() ([]byte, error) // the raw body; may be called again
}

// Keys finds API keys. Unknown ones are store.ErrNotFound.
type Keys interface {
	Key(ctx context.Context, key string) (*store.Key, error)
}

// Code says which way a request was not let in, or a token not issued.
type Code string

// The codes of API calls.
const (
	CodeUnauthorized Code = "unauthorized"      // no or wrong credentials
	CodeForbidden    Code = "forbidden"         // known, but not allowed
	CodeSlowDown     Code = "too_many_requests" // too many wrong ones
	CodeReplayed     Code = "replayed"          // right ones that count once
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

// Error is why a request is not let in. Its message is for the caller.
type Error struct {
	Code    Code
	Message string

	// Bearer is the error that a bearer challenge names (RFC 6750); empty: none.
	Bearer Code
	// Scope is the one that is missing; empty: not said.
	Scope Scope
	// Retry is how long to wait before the next try; zero: not said.
	Retry time.Duration
}

func (e *Error) Error() string { return e.Message }

// ErrUnavailable is wrapped by the errors of schemes that cannot look up
// credentials now.
var ErrUnavailable = errors.New("credentials cannot be looked up")

// FindKey looks up an API key and the secrets that count now. An unknown key
// is nil without secrets. Other errors wrap ErrUnavailable.
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

// keyScopes are what every API key may do. Read only.
var keyScopes = []Scope{ScopeRun, ScopeReadRuns}

// scopesOfKey are what an API key may do: what every key may, and scopes of the installation's own making.
func scopesOfKey(k *store.Key) []Scope {
	if len(k.Scopes) == 0 {
		return keyScopes
	}
	return append(slices.Clone(keyScopes), scopesFrom(k.Scopes)...)
}

// KeyPrincipal is the principal that an API key stands for.
func KeyPrincipal(k *store.Key) *Principal {
	return &Principal{
		Kind:   KindKey,
		ID:     k.Key,
		Name:   nameOf(k),
		Scopes: scopesOfKey(k),
		Flows:  k.Flows,
		Rate:   k.Rate,
	}
}

// nameOf is what logs call a key. Its id is half of what a request needs, so a
// key without a name goes by a short hash.
func nameOf(k *store.Key) string {
	if k.Name != "" {
		return k.Name
	}
	sum := sha256.Sum256([]byte(k.Key))
	return "#" + hex.EncodeToString(sum[:4])
}

// asError returns the *Error that an error is, nil for others.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}
