package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock/penstock/internal/httpauth"
	"github.com/penstock/penstock/store"
)

var errClient = &Error{Code: CodeInvalidClient, Message: "the client is unknown, disabled, or its secret is wrong"}

// client authenticates an API client by its secret, either with Basic or in the body (RFC 6749 section 2.3.1), or by a
// signed assertion, never by two of these.
func (a *Authority) client(ctx context.Context, r *TokenRequest) (*store.Client, error) {
	return a.clientWith(ctx, r, func(*store.Client) bool { return false })
}

// clientWith is client with a predicate: a client for which strong returns true has sent a second proof that cannot
// be guessed, so that the failures of others do not delay it.
func (a *Authority) clientWith(ctx context.Context, r *TokenRequest, strong func(*store.Client) bool) (*store.Client, error) {
	_, asserted := r.Params["client_assertion"]
	if _, typed := r.Params["client_assertion_type"]; asserted || typed {
		return a.assertedClient(ctx, r)
	}
	id, secret := r.Params["client_id"], r.Params["client_secret"]
	credentials, basic, err := authorization(r.Header, "basic")
	if err != nil {
		return nil, &Error{Code: CodeInvalidRequest, Message: err.Error()}
	}
	if !basic {
		if id == "" || secret == "" {
			return nil, &Error{Code: CodeInvalidClient, Message: "the client must prove itself, by Basic or by client_id and client_secret"}
		}
		return a.clientOf(ctx, [][2]string{{id, secret}}, r.IP, strong)
	}
	name, password, ok := httpauth.ParseBasic(credentials)
	if !ok {
		return nil, &Error{Code: CodeInvalidClient, Message: "the Basic credentials cannot be read"}
	}
	if secret != "" || id != "" && id != name {
		return nil, &Error{Code: CodeInvalidRequest, Message: "the client proves itself twice: use Basic or the body"}
	}
	return a.clientOf(ctx, pairs(name, password), r.IP, strong)
}

// clientOf returns the client that is authenticated by one of the pairs of id and secret.
func (a *Authority) clientOf(ctx context.Context, pairs [][2]string, ip string, strong func(*store.Client) bool) (*store.Client, error) {
	id, c := pairs[0][0], (*store.Client)(nil)
	for _, pair := range pairs {
		found, err := a.config.Store.Clients().Client(ctx, pair[0])
		if err == nil {
			id, c = pair[0], found
			break
		}
		if !errors.Is(err, store.ErrNotFound) {
			return nil, fmt.Errorf("find client: %w: %w", ErrUnavailable, err)
		}
	}
	p := passwordProof{name: string(KindClient) + ":" + id, ip: ip}
	if c != nil {
		p.hash, p.strong = c.Hash, strong(c)
	}
	for _, pair := range pairs {
		if pair[0] == id {
			p.secrets = append(p.secrets, pair[1])
		}
	}
	right, err := a.prove(ctx, p)
	var late *delayedError
	switch {
	case errors.As(err, &late):
		return nil, tooMany(late.For)
	case err != nil:
		return nil, err
	case !right || c.Disabled:
		return nil, errClient
	}
	if _, _, err := a.clientScopes(ctx, c); err != nil {
		return nil, err
	}
	return c, nil
}

// clientScopes returns what a client may do at present, and its owner; nil: it has none. A client with an owner may do
// what both were granted, and nothing once the owner is no developer, disabled or deleted: the error is errClient then,
// other errors wrap ErrUnavailable.
func (a *Authority) clientScopes(ctx context.Context, c *store.Client) ([]Scope, *store.User, error) {
	if c.Owner == "" {
		return scopesFrom(c.Scopes), nil, nil
	}
	owner, err := a.config.Store.Users().User(ctx, c.Owner)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil, errClient
	case err != nil:
		return nil, nil, fmt.Errorf("find owner of client: %w: %w", ErrUnavailable, err)
	case !owner.Is(store.RoleDeveloper):
		return nil, nil, errClient
	}
	return Intersect(scopesFrom(c.Scopes), DeveloperScopes(owner)), owner, nil
}

var errClientExpired = &Error{Code: CodeInvalidGrant, Message: "the client's expiry date has passed: set a new one"}

// clientGrant returns the token grant of a client, which is the same for all grant types.
func (a *Authority) clientGrant(ctx context.Context, c *store.Client) (*TokenGrant, error) {
	if end := c.Deadline(); !end.IsZero() && !a.config.Now().Before(end) {
		return nil, errClientExpired
	}
	scopes, owner, err := a.clientScopes(ctx, c)
	if err != nil {
		return nil, err
	}
	o := &TokenGrant{
		Token:        store.Token{Kind: store.PrincipalClient, Principal: c.Identifier, Name: c.Name, Epoch: c.Epoch},
		Scopes:       scopes,
		Grants:       true,
		TTL:          c.TTL(),
		IncludeScope: true,
	}
	if owner != nil {
		o.Token.Owner, o.Token.OwnerEpoch = owner.Name, owner.Epoch
	}
	if c.Commas != nil {
		o.Separator = " "
		if *c.Commas {
			o.Separator = ","
		}
	}
	return o, nil
}
