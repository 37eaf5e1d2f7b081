package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// DefaultTokenTTL is the default lifetime of a client's tokens.
	DefaultTokenTTL = 5 * time.Minute
	maxTokenTTL     = 1440 // minutes

	maxClientName = 128 // characters
	maxReminders  = 16  // addresses
	maxScopes     = 256

	// MaxOwned is the maximum number of clients that one user owns.
	MaxOwned = 20

	dateLayout = time.DateOnly
)

// Client is an API client: the program of an integrator. A *Client returned by the store is shared and must not be
// modified.
type Client struct {
	Identifier string   `json:"identifier"` // generated
	Name       string   `json:"name"`       // for display
	Hash       string   `json:"hash"`       // of the secret, see package password
	Scopes     []string `json:"scopes"`
	Disabled   bool     `json:"disabled"`

	// Owner is the user who keeps the client in the developer portal; empty: administrators alone do. Such a client may
	// at no time do more than its owner was granted, see package auth.
	Owner string `json:"owner,omitempty"`

	PublicKey     string `json:"public_key,omitempty"`     // PEM; verifies its private_key_jwt assertions. Empty: it has none
	RefreshTokens bool   `json:"refresh_tokens,omitempty"` // the assertion grant issues refresh tokens to it

	TimeZone string   `json:"time_zone"`         // IANA name; empty: UTC
	Expires  string   `json:"expires,omitempty"` // last day of its assertions, 2006-01-02; empty: no assertions
	TokenTTL int      `json:"token_ttl_minutes"` // 1 to 1440; zero: 5
	Commas   *bool    `json:"commas,omitempty"`  // how scopes are written in responses; nil: by endpoint
	Remind   []string `json:"remind,omitempty"`  // e-mail addresses

	Assertion   string    `json:"assertion,omitempty"` // id of the only valid one; empty: none
	AssertionAt time.Time `json:"assertion_at,omitzero"`
	CredentialState
}

var _ principalMethods[Client] = (*Client)(nil)

// NewIdentifier returns the identifier of a new client.
func NewIdentifier() string { return "client-" + strings.ToLower(rand.Text()[:20]) }

// NewSecret returns a secret with 130 bits of entropy.
func NewSecret() string { return newSecret() }

// Deadline is the end of the client's assertions and tokens: the midnight after its last day in its time zone. Zero:
// it has no last day, and no assertions.
func (c *Client) Deadline() time.Time {
	zone, err := time.LoadLocation(c.TimeZone)
	day, err2 := time.Parse(dateLayout, c.Expires)
	if err != nil || err2 != nil {
		return time.Time{}
	}
	return time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, zone)
}

// TTL returns the lifetime of its tokens.
func (c *Client) TTL() time.Duration { return time.Duration(c.TokenTTL) * time.Minute }

// LogValue keeps the hash out of logs.
func (c Client) LogValue() slog.Value { return slog.StringValue(c.Identifier) }

func (c *Client) name() string { return c.Identifier }

func (c *Client) validate() error {
	if c.TokenTTL == 0 {
		c.TokenTTL = int(DefaultTokenTTL / time.Minute)
	}
	if c.TimeZone == "" {
		c.TimeZone = "UTC"
	}
	length := utf8.RuneCountInString(c.Name)
	switch _, err := time.LoadLocation(c.TimeZone); {
	case length == 0 || length > maxClientName || strings.ContainsFunc(c.Name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return &InvalidError{"name", fmt.Sprintf("must have 1 to %d characters on one line", maxClientName)}
	case c.Hash == "":
		return &InvalidError{"secret", "is required"}
	case c.TokenTTL < 1 || c.TokenTTL > maxTokenTTL:
		return &InvalidError{"token_ttl_minutes", fmt.Sprintf("must be between 1 and %d", maxTokenTTL)}
	case err != nil || c.TimeZone == "Local":
		return &InvalidError{"time_zone", "must be a name of the IANA database, as in Europe/Paris"}
	case len(c.Scopes) > maxScopes:
		return &InvalidError{"scopes", fmt.Sprintf("must be at most %d", maxScopes)}
	}
	if _, err := time.Parse(dateLayout, c.Expires); err != nil && c.Expires != "" {
		return &InvalidError{"assertion_expires_on", "must be a date, as in 2028-12-31"}
	}
	return c.validateReminders()
}

// admit checks the owner, unless it stays: a developer who owns less than MaxOwned clients.
func (c *Client) admit(v *snapshot, old *Client) error {
	if c.Owner == "" || old != nil && old.Owner == c.Owner {
		return nil
	}
	if owner := v.users[c.Owner]; owner == nil || !slices.Contains(owner.Roles, RoleDeveloper) {
		return &InvalidError{"owner", fmt.Sprintf("must be a user with the role %s", RoleDeveloper)}
	}
	owned := 0
	for _, other := range v.clients {
		if other.Owner == c.Owner {
			owned++
		}
	}
	if owned >= MaxOwned {
		return &InvalidError{"owner", fmt.Sprintf("has %d clients, which is the maximum: delete one first", MaxOwned)}
	}
	return nil
}

func (c *Client) validateReminders() error {
	if len(c.Remind) > maxReminders {
		return &InvalidError{"reminder_emails", fmt.Sprintf("must be at most %d", maxReminders)}
	}
	for _, address := range c.Remind {
		if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address {
			return &InvalidError{"reminder_emails", fmt.Sprintf("%q is not a plain e-mail address", address)}
		}
	}
	return nil
}

// keepsTokens: a change of scopes, secret, public key, assertion or owner, or disabling, revokes tokens.
func (c *Client) keepsTokens(old *Client) bool {
	return slices.Equal(c.Scopes, old.Scopes) && c.Hash == old.Hash && c.PublicKey == old.PublicKey && c.Assertion == old.Assertion &&
		c.Owner == old.Owner && !c.Disabled
}

// Clients gives access to the API clients. Safe for concurrent use.
type Clients struct {
	all principalRecords[Client, *Client]
}

// Clients gives access to the API clients.
func (s *Store) Clients() *Clients { return &Clients{s.clients()} }

func (s *Store) clients() principalRecords[Client, *Client] {
	return principalRecords[Client, *Client]{s, PrincipalClient, func(v *snapshot) map[string]*Client { return v.clients }}
}

// Client returns a client, at most a second old; ErrNotFound.
func (cs *Clients) Client(ctx context.Context, id string) (*Client, error) {
	return cs.all.find(ctx, id)
}

// List returns all clients by identifier.
func (cs *Clients) List(ctx context.Context) ([]*Client, error) { return cs.all.list(ctx) }

// Owned returns the clients of a user by identifier.
func (cs *Clients) Owned(ctx context.Context, owner string) ([]*Client, error) {
	all, err := cs.all.list(ctx)
	return slices.DeleteFunc(all, func(c *Client) bool { return owner == "" || c.Owner != owner }), err
}

// Create stores a new client. Error: *InvalidError.
func (cs *Clients) Create(ctx context.Context, c Client) (*Client, error) {
	return cs.all.create(ctx, c)
}

// Change edits a client. edit may be called more than once and must not change the identifier. Errors: ErrNotFound,
// *InvalidError.
func (cs *Clients) Change(ctx context.Context, id string, edit func(*Client) error) (*Client, error) {
	return cs.all.change(ctx, id, edit)
}

// Delete removes a client and revokes its assertion and tokens. Error: ErrNotFound.
func (cs *Clients) Delete(ctx context.Context, id string) error {
	return cs.all.remove(ctx, id, func(v *snapshot, w *transactionWrites) { w.forgetGrants(ctx, v, PrincipalClient.of(id)) })
}
