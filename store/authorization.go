package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// registrationTTL is how long a client that has registered itself is known before a user has approved it.
	registrationTTL = time.Hour
	// approvedTTL is how long it is known after the last approval.
	approvedTTL = 90 * 24 * time.Hour
	// codeTTL is the lifetime of an authorization code (RFC 6749, section 4.1.2: at most ten minutes).
	codeTTL = time.Minute
)

// PublicClient is an OAuth client that has registered itself (RFC 7591). It has no secret: PKCE proves that who redeems a code is who
// asked for it.
type PublicClient struct {
	ID        string   `json:"client_id"`
	Name      string   `json:"client_name"`
	Redirects []string `json:"redirect_uris"`
}

// AuthorizationCode is what a user has approved.
type AuthorizationCode struct {
	Client    string   `json:"client"`
	User      string   `json:"user"`
	Epoch     string   `json:"epoch"` // of the user: a code dies with what revokes the user's tokens
	Scopes    []string `json:"scopes"`
	Redirect  string   `json:"redirect"`
	Challenge string   `json:"challenge"` // PKCE, S256
}

// Authorizations gives access to clients that have registered themselves, and to the codes that users have approved. Safe for
// concurrent use.
type Authorizations struct{ redis redis.UniversalClient }

// Authorizations gives access to the authorizations.
func (s *Store) Authorizations() *Authorizations { return &Authorizations{s.config.Redis} }

// Register stores a client under a new ID, which it sets. It is forgotten after an hour unless a user approves it.
func (a *Authorizations) Register(ctx context.Context, c *PublicClient) error {
	c.ID = "public-" + randomText(familySize)
	return a.put(ctx, keyPublicClient(c.ID), c, registrationTTL)
}

// Client returns a client; ErrNotFound.
func (a *Authorizations) Client(ctx context.Context, id string) (*PublicClient, error) {
	c := new(PublicClient)
	return c, a.get(a.redis.Get(ctx, keyPublicClient(id)), c)
}

// Approve stores what a user has approved, and returns its code, which is valid once within a minute.
func (a *Authorizations) Approve(ctx context.Context, c AuthorizationCode) (code string, err error) {
	code = randomText(tokenSize)
	if err := a.put(ctx, keyCode(code), c, codeTTL); err != nil {
		return "", err
	}
	if err := a.redis.Expire(ctx, keyPublicClient(c.Client), approvedTTL).Err(); err != nil {
		return "", fmt.Errorf("keep client: %w", err)
	}
	return code, nil
}

// Redeem returns what a code stands for, once; ErrNotFound.
func (a *Authorizations) Redeem(ctx context.Context, code string) (*AuthorizationCode, error) {
	c := new(AuthorizationCode)
	return c, a.get(a.redis.GetDel(ctx, keyCode(code)), c)
}

func (a *Authorizations) put(ctx context.Context, key string, v any, ttl time.Duration) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode authorization: %w", err)
	}
	if err := a.redis.Set(ctx, key, text, ttl).Err(); err != nil {
		return fmt.Errorf("store authorization: %w", err)
	}
	return nil
}

func (a *Authorizations) get(cmd *redis.StringCmd, to any) error {
	text, err := cmd.Bytes()
	switch {
	case errors.Is(err, redis.Nil):
		return ErrNotFound
	case err != nil:
		return fmt.Errorf("read authorization: %w", err)
	}
	if err := json.Unmarshal(text, to); err != nil {
		return fmt.Errorf("read authorization: %w", err)
	}
	return nil
}
