package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock/penstock/store"
)

// The URNs of RFC 8693.
const (
	typeExchange    = "urn:ietf:params:oauth:grant-type:token-exchange"
	typeAccessToken = "urn:ietf:params:oauth:token-type:access_token"
	typeIDToken     = "urn:ietf:params:oauth:token-type:id_token"
	typeJWT         = "urn:ietf:params:oauth:token-type:jwt"
)

// exchangeGrant lets an API key act as a user by token exchange (RFC 8693), under the rules of jwtGrant. The
// subject token is either a JWT signed by the key, with the user in its claim sub, or the key's own access token,
// with the user in the parameter requested_subject. A token that is issued for an access token has no scope that this
// one lacks, expires no later, and is revoked with its family of refresh tokens: an exchange is no way to renew a token.
type exchangeGrant struct{ *Authority }

// Type implements Grant.
func (exchangeGrant) Type() string { return typeExchange }

// Check implements Grant.
func (g exchangeGrant) Check(ctx context.Context, r *TokenRequest) (*TokenGrant, error) {
	text := r.Params["subject_token"]
	if text == "" || r.Params["subject_token_type"] == "" {
		return nil, &Error{Code: CodeInvalidRequest, Message: "subject_token and subject_token_type are required"}
	}
	if r.Params["resource"] != "" || r.Params["audience"] != "" && r.Params["audience"] != g.config.Issuer {
		return nil, &Error{Code: CodeInvalidTarget, Message: "tokens are issued for this server only"}
	}
	if want := r.Params["requested_token_type"]; want != "" && want != typeAccessToken {
		return nil, &Error{Code: CodeInvalidRequest, Message: "only access tokens are issued"}
	}
	if kind := r.Params["subject_token_type"]; kind == typeIDToken || kind == typeJWT && g.config.Workload.Knows(text) {
		return g.workloadGrant(ctx, r, text)
	}
	s, err := g.subject(ctx, r, text)
	if err != nil {
		return nil, err
	}
	if err := g.checkActor(ctx, r, s.key); err != nil {
		return nil, err
	}
	granted, err := g.keyGrant(ctx, s.key, s.user)
	if err != nil {
		return nil, err
	}
	if s.token != nil {
		granted.Scopes, granted.within = Intersect(granted.Scopes, scopesFrom(s.token.Scopes)), scopesFrom(s.token.Granted)
		granted.TTL = min(granted.TTL, s.token.ExpiresAt.Sub(g.config.Now()))
		granted.Token.Flows, granted.Token.Family = s.token.Flows, s.token.Family
	}
	granted.Extra = map[string]any{"issued_token_type": typeAccessToken}
	return granted, nil
}

// exchangeSubject is what a subject token says.
type exchangeSubject struct {
	key   *store.Key   // requests the token
	user  string       // that the key acts as; empty: none
	token *store.Token // the subject token, if it is an access token; nil: it is a JWT
}

// subject verifies the subject token of a request.
func (g exchangeGrant) subject(ctx context.Context, r *TokenRequest, text string) (exchangeSubject, error) {
	switch r.Params["subject_token_type"] {
	case typeJWT:
		key, claims, err := g.openJWT(ctx, text, r.IP)
		if err != nil {
			return exchangeSubject{}, err
		}
		if wanted := r.Params["requested_subject"]; wanted != "" && wanted != claims.Subject {
			return exchangeSubject{}, badJWT("requested_subject is not the assertion's sub")
		}
		return exchangeSubject{key: key, user: claims.Subject}, nil
	case typeAccessToken:
		key, token, err := g.keyOfToken(ctx, text)
		return exchangeSubject{key, r.Params["requested_subject"], token}, err
	}
	return exchangeSubject{}, &Error{Code: CodeInvalidRequest, Message: "subject_token_type must be " + typeJWT + ", " + typeIDToken + " or " + typeAccessToken}
}

// checkActor accepts an actor token only if it belongs to the same key. The actor token is optional.
func (g exchangeGrant) checkActor(ctx context.Context, r *TokenRequest, key *store.Key) error {
	text, kind := r.Params["actor_token"], r.Params["actor_token_type"]
	if text == "" && kind == "" {
		return nil
	}
	if kind != typeAccessToken {
		return &Error{Code: CodeInvalidRequest, Message: "actor_token_type must be " + typeAccessToken}
	}
	actor, _, err := g.keyOfToken(ctx, text)
	if err == nil && actor.Key != key.Key {
		err = badJWT("the actor token belongs to another key")
	}
	return err
}

// keyOfToken returns a valid access token and the key that it was issued to. It rejects a token with which a key
// already acts as a user, so that impersonation cannot be chained.
func (g exchangeGrant) keyOfToken(ctx context.Context, text string) (*store.Key, *store.Token, error) {
	token, err := g.config.Store.Tokens().Find(ctx, text)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, nil, fmt.Errorf("check token: %w: %w", ErrUnavailable, err)
	}
	if err != nil || !token.Live(g.config.Now()) || token.Kind != store.PrincipalKey || token.Actor != "" {
		return nil, nil, badJWT("the token is not a live one of an API key acting for itself")
	}
	key, _, err := FindKey(ctx, g.config.Store.Keys(), token.Principal, g.config.Now())
	if err != nil {
		return nil, nil, err
	}
	if key == nil {
		return nil, nil, badJWT("the token is not a live one of an API key acting for itself")
	}
	return key, token, nil
}
