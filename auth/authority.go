package auth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/penstock/penstock/internal/password"
	"github.com/penstock/penstock/store"
)

// AuthorityConfig is what an Authority needs. All but Now is required.
type AuthorityConfig struct {
	Store  *store.Store
	Hasher *password.Hasher
	Guard  *BruteForceGuard

	// Issuer is the external base URL. What tokens are for, and every link,
	// follows from it, never from what a request says of its host.
	Issuer string

	// Meter counts which secret JWTs of API keys are signed with; nil: nothing
	// is counted.
	Usage UsageCounter

	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Authority proves users and clients, issues their tokens and checks them.
// Safe for concurrent use.
type Authority struct {
	config AuthorityConfig
	grants map[*Endpoint][]Grant
}

// CheckIssuer refuses what is no base URL of a server.
func CheckIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return errors.New("the issuer must be a URL such as https://penstock.example.org, without query and fragment")
	}
	return nil
}

// NewAuthority makes an Authority.
func NewAuthority(config AuthorityConfig) (*Authority, error) {
	if config.Store == nil || config.Hasher == nil || config.Guard == nil {
		return nil, errors.New("new authority: Store, Hasher and Guard are required")
	}
	if err := CheckIssuer(config.Issuer); err != nil {
		return nil, fmt.Errorf("new authority: %w", err)
	}
	config.Issuer = strings.TrimSuffix(config.Issuer, "/")
	if config.Now == nil {
		config.Now = time.Now
	}
	a := &Authority{config: config}
	a.grants = map[*Endpoint][]Grant{
		SyncAccess: {passwordGrant{a}},
		Ansira:     {assertionGrant{a}, credentialsGrant{a}},
		Integrify:  {jwtGrant{a}, exchangeGrant{a}, credentialsGrant{a}},
	}
	return a, nil
}

// Issuer is the external base URL, without a slash at its end.
func (a *Authority) Issuer() string { return a.config.Issuer }

// Schemes prove who calls the API by the tokens and passwords of the authority.
func (a *Authority) Schemes() []Authenticator {
	return []Authenticator{bearerScheme{a}, basicScheme{a}}
}

// Hash is what is stored of a password or a client's secret.
func (a *Authority) Hash(ctx context.Context, secret string) (string, error) {
	hash, err := a.config.Hasher.Hash(ctx, secret)
	if errors.Is(err, password.ErrBusy) {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return hash, err
}
