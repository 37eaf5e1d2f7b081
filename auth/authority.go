package auth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/penstock/penstock/auth/personal"
	"github.com/penstock/penstock/auth/workload"
	"github.com/penstock/penstock/internal/password"
	"github.com/penstock/penstock/store"
)

// AuthorityConfig configures an Authority. Store, Hasher, Guard and Issuer are required.
type AuthorityConfig struct {
	Store  *store.Store
	Hasher *password.Hasher
	Guard  *BruteForceGuard

	// Issuer is the external base URL. The audience of tokens and all links are derived from it, never from the
	// Host header of a request.
	Issuer string

	// Authorize is the address where users approve clients that have registered themselves; empty: clients cannot.
	Authorize string

	// Personal keeps the tokens that users make for themselves; nil: there are none.
	Personal *personal.Tokens

	// Workload says which programs of a CI get tokens; nil: none.
	Workload *workload.Rules

	// RequireTOTP says that users with roles of the console need a second factor besides a password.
	RequireTOTP bool

	// Usage counts which secret of an API key signed a JWT; optional.
	Usage UsageCounter

	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Authority authenticates users and clients, and issues and checks their tokens. Safe for concurrent use.
type Authority struct {
	config AuthorityConfig
	grants map[*Endpoint][]Grant
}

// CheckIssuer returns an error unless issuer is the base URL of a server: http or https, without user, query and
// fragment.
func CheckIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return errors.New("the issuer must be a URL such as https://penstock.example.org, without query and fragment")
	}
	return nil
}

// NewAuthority returns an Authority.
func NewAuthority(config AuthorityConfig) (*Authority, error) {
	if config.Store == nil || config.Hasher == nil || config.Guard == nil {
		return nil, errors.New("new authority: Store, Hasher and Guard are required")
	}
	if err := CheckIssuer(config.Issuer); err != nil {
		return nil, fmt.Errorf("new authority: %w", err)
	}
	if err := checkWorkload(config.Workload); err != nil {
		return nil, fmt.Errorf("new authority: %w", err)
	}
	config.Issuer = strings.TrimSuffix(config.Issuer, "/")
	if config.Now == nil {
		config.Now = time.Now
	}
	a := &Authority{config: config}
	a.grants = map[*Endpoint][]Grant{
		SyncAccess: {passwordGrant{a}, refreshGrant{a}},
		Ansira:     {assertionGrant{a}, credentialsGrant{a}, refreshGrant{a}},
		Integrify:  {jwtGrant{a}, exchangeGrant{a}, credentialsGrant{a}, refreshGrant{a}},
	}
	if config.Authorize != "" {
		a.grants[Integrify] = append(a.grants[Integrify], codeGrant{a})
	}
	return a, nil
}

// Registers reports whether clients may register themselves.
func (a *Authority) Registers() bool { return a.config.Authorize != "" }

// Issuer returns the external base URL, without a trailing slash.
func (a *Authority) Issuer() string { return a.config.Issuer }

// Bearer proves who calls the API by the tokens of the authority.
func (a *Authority) Bearer() Authenticator { return bearerScheme{a} }

// Basic proves who calls the API by the passwords of users.
func (a *Authority) Basic() Authenticator { return basicScheme{a} }

// Hash returns the stored form of a password or client secret. The error wraps ErrUnavailable when too many hashes
// are being computed.
func (a *Authority) Hash(ctx context.Context, secret string) (string, error) {
	hash, err := a.config.Hasher.Hash(ctx, secret)
	if errors.Is(err, password.ErrBusy) {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return hash, err
}
